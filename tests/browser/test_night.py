"""An operator handles a provider outage with the pages only: finding, recovery, and replay of the dead letters."""

import secrets
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from angarium.testing.smtp.script import Step
from tests.browser.operating import LOOKS, WITHIN, Board, clean, operating, session_of, watched

pytestmark = pytest.mark.browser

TEMPLATE = {"code": "parcel", "subject": "For {{ name }}", "content": "<p>Hello {{ name }}</p>"}
DOWN = Step(rcpt="421 4.3.2 shutting down")
NAMED_WITHIN = 60.0
"""Seconds from the opening of the breaker until the open overview page names the provider."""
MAILS = 6
"""With four attempts each, the breaker gets the twenty answers that open it, and some mails fail."""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with operating(tmp_path_factory.mktemp("night")) as board:
        board.post("/api/v1/templates", TEMPLATE)
        yield board


def test_an_operator_handles_a_provider_outage(browser: Browser, board: Board) -> None:
    session = session_of(browser, board.url)
    with (
        watched(browser, board.url, session, LOOKS[0]) as desk,
        watched(browser, board.url, session, LOOKS[1]) as overview,
    ):
        overview.goto("/")
        expect(overview.locator("#live")).to_have_text("Live")
        arrives(desk, overview, board)
        addresses = breaks(overview, board)
        clean(overview)
        recovers(desk, overview, board, addresses)


def arrives(desk: Page, overview: Page, board: Board) -> None:
    """A message sent from a page appears on the open overview page, which links to its timeline."""
    address = f"{secrets.token_hex(4)}@example.com"
    desk.goto("/dashboard/templates/parcel")
    desk.get_by_text("Send a test", exact=True).click()
    desk.get_by_label("To: an address").fill(address)
    desk.get_by_role("button", name="Send the test").click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text(address)
    board.wait_for(desk.url.rpartition("/")[2].partition("?")[0], "sent")
    row = overview.locator("#latest tr", has=overview.get_by_role("link", name=address))
    expect(row.locator(".badge")).to_have_text("sent")
    desk.goto("/")
    desk.locator("#latest").get_by_role("link", name=address).click()
    expect(desk.locator(".timeline")).to_contain_text("250 2.0.0 queued")


def breaks(overview: Page, board: Board) -> list[str]:
    """Send mails that the provider refuses, and return their addresses. The open page names the provider by itself."""
    board.sink.usually(DOWN)
    addresses = [f"{secrets.token_hex(4)}@example.com" for _ in range(MAILS)]
    for address in addresses:
        board.send(address, "parcel", variables={"name": "Ada"})
    deadline = time.monotonic() + WITHIN
    while not any(one["breaker"] == "open" for one in board.get("/api/v1/providers")):
        assert time.monotonic() < deadline, "the breaker does not open"
        time.sleep(0.1)
    finding = overview.locator(".finding.critical", has_text="circuit breaker is open")
    expect(finding).to_contain_text("smtp", timeout=NAMED_WITHIN * 1000)
    expect(overview.locator("#system")).to_contain_text("open")
    return addresses


def recovers(desk: Page, overview: Page, board: Board, addresses: list[str]) -> None:
    """The provider recovers: a probe closes its breaker, and the dead letters are replayed from their page."""
    desk.goto("/")
    desk.locator(".finding", has_text="circuit breaker").get_by_role("link", name="Look at providers").click()
    expect(desk.locator("tbody .badge", has_text="open").first).to_be_visible()
    clean(desk)
    board.sink.usually(Step())
    addresses.append(f"{secrets.token_hex(4)}@example.com")
    board.send(
        addresses[-1], "parcel", variables={"name": "Ada"}
    )  # a probe needs a waiting message, and no other may wait
    expect(overview.locator(".finding", has_text="circuit breaker is open")).to_have_count(
        0, timeout=NAMED_WITHIN * 1000
    )
    desk.goto("/dashboard/dead-letters")
    expect(desk.get_by_role("link", name="retries exhausted").first).to_be_visible()
    desk.get_by_role("link", name="Replay all…").click()
    desk.get_by_role("button", name="Replay").click()
    expect(desk.locator("#progress")).to_contain_text("no longer on the list")
    deadline = time.monotonic() + NAMED_WITHIN
    while not all(board.sink.to(address) for address in addresses):
        assert time.monotonic() < deadline, "a mail does not arrive"
        time.sleep(0.1)
    assert [len(board.sink.to(address)) for address in addresses] == [1] * len(addresses)
    desk.goto("/dashboard/dead-letters")
    expect(desk.get_by_text("No dead letters")).to_be_visible()
