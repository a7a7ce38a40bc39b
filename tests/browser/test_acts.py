"""Actions on notifications, dead letters, providers and suppressions: each has a button and an audit entry."""

import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.browser.operating import LOOKS, Board, operating, session_of, watched

pytestmark = pytest.mark.browser

TEMPLATE = {"code": "parcel", "subject": "For {{ name }}", "content": "<p>Hello {{ name }}</p>"}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with operating(tmp_path_factory.mktemp("acts"), {"EMAIL_PROVIDERS": "sandbox://?name=post"}) as board:
        board.post("/api/v1/templates", TEMPLATE)
        yield board


@pytest.fixture(scope="module")
def session(browser: Browser, board: Board) -> StorageState:
    return session_of(browser, board.url)


@pytest.fixture
def desk(browser: Browser, board: Board, session: StorageState) -> Iterator[Page]:
    with watched(browser, board.url, session, LOOKS[1]) as page:
        yield page


def test_a_notification_is_cancelled_and_another_is_sent_again_and_its_content_shown(desk: Page, board: Board) -> None:
    variables = {"name": "Ada"}
    later = board.send("later@example.com", "parcel", variables=variables, send_at="2035-01-01T00:00:00Z")
    desk.goto(f"/dashboard/notifications/{later}")
    desk.get_by_role("button", name="Cancel").click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("cancelled")
    assert board.get(f"/api/v1/notifications/{later}")["status"] == "cancelled"
    sent = board.send("first@example.com", "parcel", variables=variables)
    board.wait_for(sent, "sent")
    desk.goto(f"/dashboard/notifications/{sent}")
    desk.get_by_text("Send again", exact=True).first.click()
    desk.get_by_role("button", name="Send again").click()
    expect(desk.get_by_role("status").first).to_contain_text("Accepted as a new notification")
    assert sent not in desk.url
    board.wait_for(desk.url.rpartition("/")[2].partition("?")[0], "sent")
    desk.get_by_role("link", name="Show the content").click()
    expect(desk.frame_locator("iframe").locator("p")).to_have_text("Hello Ada")
    acts = ["notification.content_viewed", "notification.sent_again", "notification.cancelled"]
    assert board.audited()[:3] == acts


def test_a_dead_letter_is_discarded(desk: Page, board: Board) -> None:
    failed = board.send("reject@example.com", "parcel", variables={"name": "Ada"})
    board.wait_for(failed, "failed")
    desk.goto(f"/dashboard/notifications/{failed}")
    desk.get_by_role("link", name="Dead letter", exact=True).click()
    desk.get_by_text("Discard", exact=True).first.click()
    desk.get_by_role("button", name="Discard").click()
    expect(desk.get_by_role("status").first).to_contain_text("Discarded")
    assert board.get("/api/v1/dead-letters") == []
    assert board.audited()[0].startswith("dead_letter")


def test_a_breaker_is_opened_and_returned_to_automatic_control(desk: Page, board: Board) -> None:
    def held() -> tuple[str, bool]:
        [post] = [one for one in board.get("/api/v1/providers") if one["name"] == "post"]
        return post["breaker"], post["forced"]

    desk.goto("/dashboard/providers")
    for act, state in (("Open", ("open", True)), ("Hold", ("closed", True)), ("control", ("closed", False))):
        desk.get_by_label(f"{act} the breaker of post").click()
        expect(desk.get_by_role("status").first).to_contain_text("Workers apply it")
        assert held() == state
    assert all(action.startswith("provider") for action in board.audited()[:3])


def test_a_suppression_is_added_and_removed(desk: Page, board: Board) -> None:
    address = f"{secrets.token_hex(4)}@example.com"
    desk.goto(f"/dashboard/suppressions?address={address}")
    expect(desk.get_by_text("This address is not suppressed.")).to_be_visible()
    desk.get_by_text("Add an address").click()
    desk.get_by_label("Email address or phone number").fill(address)
    desk.get_by_role("button", name="Suppress").click()
    expect(desk.get_by_role("status").first).to_contain_text("Added")
    skipped = board.send(address, "parcel", variables={"name": "Ada"})
    assert board.wait_for(skipped, "skipped", "sent") == "skipped"
    desk.goto(f"/dashboard/suppressions?address={address}")
    desk.get_by_role("button", name=f"Remove {address}").click()
    expect(desk.get_by_role("status").first).to_contain_text("Removed")
    assert [action.partition(".")[0] for action in board.audited()[:2]] == ["suppression"] * 2
