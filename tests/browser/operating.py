"""What browser tests of operators share: a system with an account, signing in, the rules that pages are held to."""

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
"""Seconds until something that takes a moment has happened on a busy machine."""


@dataclass(frozen=True)
class Board:
    """A system with an operator who is an admin; what `sink` receives are its mails, unless the settings say other."""

    url: str
    client: httpx2.Client
    sink: SmtpSink

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The `data` of a call that succeeds."""
        answer = self.client.post(path, json=dict(body))
        assert answer.is_success, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def get(self, path: str) -> Any:
        """The `data` of what is read."""
        answer = self.client.get(path)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def send(self, address: str, template: str, **more: Any) -> str:
        """The id of an accepted mail to `address`."""
        body = {"notification_type": "email", "recipient": {"email": address}, "template_code": template, **more}
        return str(self.post("/api/v1/notifications", {**body, "request_id": secrets.token_hex(8)})["notification_id"])

    def wait_for(self, notification_id: str, *statuses: str) -> str:
        """The status of a notification, once it is one of these."""
        deadline = time.monotonic() + WITHIN
        while (status := str(self.get(f"/api/v1/notifications/{notification_id}")["status"])) not in statuses:
            assert time.monotonic() < deadline, f"it is {status}"
            time.sleep(0.05)
        return status

    def audited(self) -> list[str]:
        """The actions in the audit log, newest first, of the operator."""
        entries = self.get(f"/api/v1/audit?limit=100&actor=operator:{NAME}")
        return [entry["action"] for entry in entries]


@contextmanager
def operating(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Board]:
    """A running system of `Board`, whose mails go to a sink. What pages are expected to show may take `WITHIN`."""
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
    """A page of the operator; in error if it complained or asked elsewhere. `look`: colours and width.

    No fault is what Chromium notes about a form that was refused, and about what it did not run or load of a mail.
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
    """The cookies of the operator, signed in."""
    with opened(browser, url, "light", 1000) as page:
        sign_in(page)
        return page.context.storage_state()


def clean(page: Page) -> None:
    """Fail where the page is against a rule, wider than the window, or ran what it was to show."""
    result = Axe().run(page, options=AXE)
    assert result.violations_count == 0, f"{page.url}: {result.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
    assert page.title() != "ran", page.url
