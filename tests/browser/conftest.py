"""One running system and one browser for all pages. An error that a page reports fails its test."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, Page, StorageState, expect, sync_playwright

from angarium.testing.smtp.sink import SmtpSink
from tests.support.browser import launch
from tests.support.system import EmbeddedSystem, running

HTML = (
    "<h1 id='hello'>Hello {{ name }}</h1><script>document.getElementById('hello').textContent = 'ran'</script>"
    "<img src='data:image/png;base64,AA' onerror=\"document.getElementById('hello').textContent = 'ran'\">"
)
TEMPLATE = {
    "code": "parcel",
    "subject": "A parcel for {{ name }}",
    "html": HTML,
    "title": "Your parcel is here",
    "body": "{{ name }}, it waits at the door.",
    "text": "{{ name }}: parcel at the door",
    "category": "news",
}
READY_WITHIN = 30.0
PATIENCE = 30_000.0
"""Milliseconds that `expect` waits. It is long because three test processes share two cores with the browser."""
BLOCKED = ("Blocked script execution", 'Content Security Policy directive: "img-src data:"')
"""Messages of the browser when it prevents a mail from running scripts or loading images."""
"""The rules of WCAG 2.2, levels A and AA."""


@dataclass(frozen=True)
class Site:
    """The gateway: its address for the browser, and an API client."""

    url: str
    client: httpx2.Client
    user_id: str

    def send(self, channel: str, target: Mapping[str, Any]) -> None:
        """Send the template to `target`, and wait until the message is in the mailbox."""
        before = self.caught(channel)["meta"]["total"]
        body = {"notification_type": channel, "template_code": "parcel", "variables": {"name": "Ada"}, **target}
        answer = self.client.post("/api/v1/notifications", json={**body, "request_id": secrets.token_hex(8)})
        assert answer.status_code == 202, answer.text
        deadline = time.monotonic() + READY_WITHIN
        while self.caught(channel)["meta"]["total"] == before:
            assert time.monotonic() < deadline, "nothing was caught"

    def caught(self, channel: str) -> dict[str, Any]:
        """The messages of a channel in the mailbox, newest first."""
        answer: dict[str, Any] = self.client.get("/api/v1/mailbox/messages", params={"channel": channel}).json()
        return answer

    def wants_news(self) -> bool:
        """Whether the stored user receives mails of the template's category."""
        wishes = self.client.get(f"/api/v1/users/{self.user_id}/preferences").json()["data"]
        return bool(wishes["email"] and wishes["categories"].get("news", {}).get("email", True))

    def want_news(self) -> None:
        """Enable mails of the template's category for the stored user again."""
        wishes = {"email": True, "categories": {"news": {"email": True}}}
        assert self.client.patch(f"/api/v1/users/{self.user_id}/preferences", json=wishes).status_code == 200

    def unsubscribe_path(self) -> str:
        """The path of the link in the newest List-Unsubscribe header."""
        headers = (item for mail in self.caught("email")["data"] for item in mail["headers"].items())
        link: str = next(value for name, value in headers if name.lower() == "list-unsubscribe")
        return urlsplit(link.strip("<>")).path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser per module: while it is open, no other event loop can run in this thread."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A system with one message per channel in its mailbox. The newest mail was sent to a stored user."""
    settings = {"EMAIL_PROVIDERS": "mailbox://", "PUBLIC_URL": "http://localhost"}
    with SmtpSink() as sink:
        system = EmbeddedSystem(tmp_path_factory.mktemp("site"), sink=sink, settings=settings)
        with (
            running(system),
            httpx2.Client(base_url=system.url, headers=dict(system.headers), timeout=30, trust_env=False) as client,
        ):
            assert client.post("/api/v1/templates", json=TEMPLATE).status_code == 201
            made = client.post("/api/v1/users", json={"name": "Ada", "email": "ada@example.com"})
            site = Site(system.url, client, made.json()["data"]["user_id"])
            site.send("email", {"user_id": site.user_id})
            site.send("push", {"recipient": {"push_token": "device-1"}})
            site.send("sms", {"recipient": {"phone": "+14155550134"}})
            yield site


@pytest.fixture(params=[("light", 1200), ("dark", 360)], ids=["light-wide", "dark-narrow"])
def page(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Page]:
    """A page of the site. The test fails if the page logs errors, requests other hosts, or is wider than the window."""
    scheme, width = request.param
    with opened(browser, site.url, scheme, width) as page:
        yield page


@contextmanager
def opened(
    browser: Browser,
    url: str,
    scheme: Literal["light", "dark"],
    width: int,
    session: StorageState | None = None,
    allowed: tuple[str, ...] = (),
) -> Iterator[Page]:
    """A page of the site at `url`, in a new browser context. Fails as described at `page`.

    `allowed`: prefixes of URLs on other hosts that the page may request.
    """
    page = browser.new_page(
        base_url=url, color_scheme=scheme, viewport={"width": width, "height": 720}, storage_state=session
    )
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("request", lambda asked: None if _own(asked.url, url, allowed) else complaints.append(f"asked {asked.url}"))
    yield page
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    page.close()
    assert overflow <= 0
    assert [complaint for complaint in complaints if not any(text in complaint for text in BLOCKED)] == []


def _own(url: str, site: str, allowed: tuple[str, ...]) -> bool:
    return url.startswith((f"{site}/", "data:", *allowed))
