"""The dashboard on a wide screen in light colours, on a phone in dark colours, by keyboard, and without scripts."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has none
from playwright.sync_api import Browser, Page, StorageState, expect

from angarium.testing.smtp.sink import SmtpSink
from tests.browser.accessibility import AXE
from tests.browser.conftest import opened
from tests.support.system import EmbeddedSystem, running

pytestmark = pytest.mark.browser

NAME, PASSWORD = "ada", "correct horse battery"
HOSTILE = "<script>document.title = 'ran'</script>"
TEMPLATE = {"code": "parcel", "subject": "For {{ name }}", "html": "<h1>{{ name }}</h1>", "text": "{{ name }}"}
"""The rules of WCAG 2.2, levels A and AA."""
ENDS = frozenset({"sent", "failed"})


@dataclass(frozen=True)
class Board:
    """A system with the sandbox provider: the address of an email determines its outcome."""

    url: str
    client: httpx2.Client

    def send(self, address: str) -> str:
        """Send a notification to `address`, wait until it has ended, and return its id."""
        body = {
            "notification_type": "email",
            "recipient": {"email": address, "name": HOSTILE},
            "template_code": "parcel",
            "variables": {"name": HOSTILE},
            "metadata": {"note": HOSTILE},
            "request_id": secrets.token_hex(8),
        }
        made: dict[str, Any] = self.client.post("/api/v1/notifications", json=body).json()["data"]
        path, deadline = str(made["status_url"]), time.monotonic() + 20
        while self.client.get(path).json()["data"]["status"] not in ENDS:
            assert time.monotonic() < deadline, "it has not ended"
        return str(made["notification_id"])


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A system with one operator, one sent notification and one dead letter."""
    with SmtpSink() as sink:
        folder = tmp_path_factory.mktemp("board")
        system = EmbeddedSystem(folder, sink=sink, settings={"EMAIL_PROVIDERS": "sandbox://"})
        with (
            running(system),
            httpx2.Client(base_url=system.url, headers=dict(system.headers), timeout=10, trust_env=False) as client,
        ):
            operator = {"name": NAME, "role": "admin", "password": PASSWORD}
            assert client.post("/api/v1/operators", json=operator).status_code == 201
            assert client.post("/api/v1/templates", json=TEMPLATE).status_code == 201
            made = Board(system.url, client)
            made.send("first@example.com")
            made.send("reject@example.com")
            yield made


@pytest.fixture(scope="module")
def session(browser: Browser, board: Board) -> StorageState:
    """The cookies of a signed-in operator."""
    with opened(browser, board.url, "light", 1000) as page:
        sign_in(page)
        return page.context.storage_state()


@pytest.fixture(params=[("light", 1440), ("dark", 390)], ids=["light-wide", "dark-narrow"])
def desk(request: pytest.FixtureRequest, browser: Browser, board: Board, session: StorageState) -> Iterator[Page]:
    """A page of the operator."""
    scheme, width = request.param
    with opened(browser, board.url, scheme, width, session) as page:
        yield page


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_new_notification_appears_and_links_to_its_timeline(desk: Page, board: Board) -> None:
    desk.goto("/")
    expect(desk.locator("#live")).to_have_text("Live")
    address = f"{secrets.token_hex(4)}@example.com"
    notification_id = board.send(address)
    row = desk.locator("#latest").get_by_role("link", name=address)
    expect(row).to_be_visible(timeout=10_000)
    row.click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text(address)
    expect(desk.locator(".timeline")).to_contain_text("250 sandbox: accepted")
    assert notification_id in desk.url
    desk.get_by_role("link", name="Show the content").click()
    expect(desk.frame_locator("iframe").locator("h1")).to_have_text(HOSTILE)
    assert desk.title() != "ran"


def test_a_dead_letter_is_found_by_its_reason_and_replayed(desk: Page, board: Board) -> None:
    board.send("reject@example.com")
    desk.goto("/dashboard/dead-letters")
    desk.get_by_role("link", name="permanent", exact=True).first.click()
    expect(desk.get_by_role("textbox", name="Reason")).to_have_value("permanent")
    letters = desk.get_by_role("region", name="Dead letters", exact=True).get_by_role("link")
    before = letters.count()
    letters.first.click()
    desk.get_by_role("button", name="Replay").click()
    expect(desk.get_by_role("status").first).to_contain_text("Replayed")
    desk.goto("/dashboard/dead-letters/replay?reason=permanent")
    desk.get_by_role("button", name="Replay").click()
    expect(desk.locator("#progress")).to_contain_text("no longer on the list")
    assert before >= 1


def test_no_page_has_accessibility_violations(desk: Page, board: Board) -> None:
    """All pages in light colours, and those with the most colours also in dark ones."""
    board.send("reject@example.com")  # the others may have been replayed
    letter = board.client.get("/api/v1/dead-letters").json()["data"][0]["id"]
    sent = board.client.get("/api/v1/notifications?status=sent").json()["data"][0]["notification_id"]
    made = board.client.post("/api/v1/users", json={"name": HOSTILE, "email": f"{secrets.token_hex(4)}@example.com"})
    user = made.json()["data"]["user_id"]
    preview = "templates/parcel?variables=%7B%22name%22%3A%22Ada%22%7D"
    colourful = ["/", f"/dashboard/notifications/{sent}", "/dashboard/dead-letters", "/dashboard/providers"]
    plain = [f"notifications/{sent}/content", f"dead-letters/{letter}", "dead-letters/replay", f"users/{user}", preview]
    plain += ["notifications", "suppressions", "users", "templates", "keys", "operators", "audit"]
    wide = desk.evaluate("window.innerWidth") > 1000
    axe, found = Axe(), {}
    for path in (*colourful, *(f"/dashboard/{name}" for name in plain)):
        desk.goto(path)
        assert desk.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        assert desk.title() != "ran", path
        if wide or path in colourful:
            result = axe.run(desk, options=AXE)
            if result.violations_count:
                found[path] = result.generate_report()
    assert found == {}
    desk.context.clear_cookies()
    desk.goto("/")
    expect(desk.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert axe.run(desk, options=AXE).violations_count == 0


def test_the_first_tab_stop_skips_the_navigation(desk: Page) -> None:
    desk.goto("/dashboard/notifications")
    desk.keyboard.press("Tab")
    expect(desk.get_by_role("link", name="Skip to the content")).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.locator("#main")).to_be_focused()


def test_pages_work_without_scripts(browser: Browser, board: Board) -> None:
    context = browser.new_context(base_url=board.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    expect(page.locator("#latest a").first).to_be_visible()
    page.locator("#latest a").first.click()
    expect(page.locator(".timeline li").first).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    context.close()
