"""Shared parts of the operators' browser tests: a system with an account, signing in, and checks of pages."""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx2
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has none
from playwright.sync_api import Browser, Page, StorageState, expect

from angarium.testing.smtp.sink import SmtpSink
from tests.browser.accessibility import AXE
from tests.browser.conftest import opened
from tests.support.system import EmbeddedSystem, running

NAME, PASSWORD = "ada", "correct horse battery"
HOSTILE = "<script>document.title = 'ran'</script>"
"""The rules of WCAG 2.2, levels A and AA."""
EXPECTED = (
    "Blocked script execution",
    ": csp",
    'violates the following Content Security Policy directive: "img-src data:"',
    "the server responded with a status of 400",
    "the server responded with a status of 409",
    "the server responded with a status of 412",
)
LOOKS: Sequence[tuple[Literal["light", "dark"], int]] = (("light", 1440), ("dark", 390))
WITHIN = 30.0
"""Timeout in seconds, long enough for a busy machine."""


@dataclass(frozen=True)
class Board:
    """A system with an operator who is an admin. `sink` receives its mails unless the settings differ."""

    url: str
    client: httpx2.Client
    sink: SmtpSink

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST `body` and return `data`. The call must succeed."""
        answer = self.client.post(path, json=dict(body))
        assert answer.is_success, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def get(self, path: str) -> Any:
        """GET `path` and return `data`."""
        answer = self.client.get(path)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def send(self, address: str, template: str, **more: Any) -> str:
        """Send a mail to `address` and return its notification id."""
        body = {"notification_type": "email", "recipient": {"email": address}, "template_code": template, **more}
        return str(self.post("/api/v1/notifications", {**body, "request_id": secrets.token_hex(8)})["notification_id"])

    def wait_for(self, notification_id: str, *statuses: str) -> str:
        """Wait until a notification has one of these statuses, and return it."""
        deadline = time.monotonic() + WITHIN
        while (status := str(self.get(f"/api/v1/notifications/{notification_id}")["status"])) not in statuses:
            assert time.monotonic() < deadline, f"it is {status}"
            time.sleep(0.05)
        return status

    def audited(self) -> list[str]:
        """The operator's actions in the audit log, newest first."""
        entries = self.get(f"/api/v1/audit?limit=100&actor=operator:{NAME}")
        return [entry["action"] for entry in entries]


@contextmanager
def operating(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Board]:
    """A running system with a mail sink. `expect` waits for at most `WITHIN`."""
    expect.set_options(timeout=WITHIN * 1000)
    with SmtpSink() as sink:
        system = EmbeddedSystem(folder, sink=sink, settings=settings)
        with (
            running(system),
            httpx2.Client(base_url=system.url, headers=dict(system.headers), timeout=30, trust_env=False) as client,
        ):
            board = Board(system.url, client, sink)
            board.post("/api/v1/operators", {"name": NAME, "role": "admin", "password": PASSWORD})
            yield board


@contextmanager
def watched(
    browser: Browser, url: str, session: StorageState, look: tuple[Literal["light", "dark"], int]
) -> Iterator[Page]:
    """A page of the operator. Fails if the page logs errors or requests other hosts. `look`: colours and width.

    Chromium's messages about a refused form, and about blocked scripts and images of a mail, are ignored.
    """
    page = browser.new_page(
        base_url=url, color_scheme=look[0], viewport={"width": look[1], "height": 800}, storage_state=session
    )
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("requestfinished", lambda asked: complaints.append(f"asked {asked.url}"))
    page.on("requestfailed", lambda asked: complaints.append(f"asked {asked.url}: {asked.failure}"))
    yield page
    page.close()
    complaints = [one for one in complaints if not one.startswith((f"asked {url}/", "asked data:"))]
    found = [one for one in complaints if not any(note in one for note in EXPECTED)]
    assert found == [], "\n".join(found)


def sign_in(page: Page) -> None:
    """Sign the operator in."""
    page.goto("/")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def session_of(browser: Browser, url: str) -> StorageState:
    """The cookies of the signed-in operator."""
    with opened(browser, url, "light", 1000) as page:
        sign_in(page)
        return page.context.storage_state()


def clean(page: Page) -> None:
    """Fail if the page violates a rule, is wider than the window, or executed content that it should only show."""
    result = Axe().run(page, options=AXE)
    assert result.violations_count == 0, f"{page.url}: {result.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
    assert page.title() != "ran", page.url
