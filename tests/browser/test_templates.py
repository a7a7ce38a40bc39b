"""The template pages on a wide screen in light colours, on a phone in dark colours, and without scripts."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.browser.operating import HOSTILE, LOOKS, Board, clean, operating, session_of, sign_in, watched

pytestmark = pytest.mark.browser

MAIL = (
    "<style>h1 { color: #112233 } @media (prefers-color-scheme: dark) { h1 { color: #ffcc88 !important } }</style>"
    "<h1>Hello {{ name }}</h1><script>document.body.textContent = 'ran'</script><img src='https://example.com/x.png'>"
)
PARCEL = {
    "code": "parcel",
    "subject": "For {{ name }}",
    "html": MAIL,
    "text": "{{ name }}: " + "parcel " * 30,
    "title": "A parcel",
    "body": "{{ name }}, it waits at the door.",
    "translations": {"fr": {"subject": "Pour {{ name }}", "text": "{{ name }} : colis"}},
}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with operating(tmp_path_factory.mktemp("templates")) as board:
        board.post("/api/v1/templates", PARCEL)
        yield board


@pytest.fixture(scope="module")
def session(browser: Browser, board: Board) -> StorageState:
    return session_of(browser, board.url)


@pytest.fixture(params=LOOKS, ids=["light-wide", "dark-narrow"])
def desk(request: pytest.FixtureRequest, browser: Browser, board: Board, session: StorageState) -> Iterator[Page]:
    with watched(browser, board.url, session, request.param) as page:
        yield page


@pytest.fixture
def wide(browser: Browser, board: Board, session: StorageState) -> Iterator[Page]:
    with watched(browser, board.url, session, LOOKS[0]) as page:
        yield page


@pytest.fixture
def narrow(browser: Browser, board: Board, session: StorageState) -> Iterator[Page]:
    with watched(browser, board.url, session, LOOKS[1]) as page:
        yield page


def source(page: Page, part: str) -> Any:
    """The textarea of a part."""
    return page.locator(f"[id='field-{part}']")


def test_a_template_is_created_corrected_published_and_rolled_back(desk: Page, board: Board) -> None:
    code = f"order-{secrets.token_hex(4)}"
    desk.goto("/dashboard/templates")
    desk.get_by_role("link", name="New template").click()
    desk.get_by_label("Code").fill(code)
    source(desk, "subject").fill("Order {{ number }}")
    source(desk, "content").fill("<p>\n  Order\n  {{ number | nosuchfilter }}\n</p>")
    desk.get_by_role("button", name="Create and publish").first.click()
    fault = desk.get_by_role("link", name="content, line 3, column")
    expect(fault).to_be_visible()
    expect(desk.locator(".excerpt")).to_contain_text("{{ number | nosuchfilter }}")
    expect(desk.locator(".wrong-line")).to_have_text("3")
    clean(desk)
    fault.click()
    expect(source(desk, "content")).to_be_focused()
    chosen = source(desk, "content").evaluate("area => area.value.slice(0, area.selectionStart).split('\\n').length")
    assert chosen == 3
    source(desk, "content").fill("<p>\n  Order\n  {{ number }}\n</p>")
    desk.get_by_role("button", name="Create and publish").first.click()
    expect(desk.get_by_role("status").first).to_contain_text("first version is published")
    desk.get_by_role("link", name="Edit").click()
    expect(source(desk, "content")).to_have_value("<p>\n  Order\n  {{ number }}\n</p>")
    source(desk, "content").fill("<p>\n  Your order\n  {{ number }}\n</p>")
    desk.get_by_role("button", name="Save as a draft").first.click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("version 2 draft")
    expect(desk.frame_locator(".desktop iframe").locator("p")).to_contain_text("Your order")
    assert board.get(f"/api/v1/templates/{code}")["version"] == 1
    clean(desk)
    desk.get_by_role("link", name="Compare version 2 with version 1").click()
    expect(desk.locator(".diff .removed")).to_have_text("-  Order")
    expect(desk.locator(".diff .added")).to_have_text("+  Your order")
    clean(desk)
    desk.goto(f"/dashboard/templates/{code}?version=2")
    turn(desk, "Publish", 2)
    assert board.get(f"/api/v1/templates/{code}")["version"] == 2
    turn(desk, "Roll back", 1)
    assert board.get(f"/api/v1/templates/{code}")["version"] == 1
    desk.get_by_text("Archive", exact=True).click()
    desk.get_by_role("button", name=f"Archive {code}").click()
    expect(desk.get_by_role("status").first).to_contain_text("Archived")
    assert board.client.get(f"/api/v1/templates/{code}").status_code == 404
    done = ["archived", "published", "published", "version_added", "created"]
    assert board.audited()[:5] == [f"template.{act}" for act in done]


def turn(page: Page, act: str, version: int) -> None:
    """Publish a version, or roll back to it."""
    page.get_by_label(f"{act} version {version}").click()
    page.get_by_role("button", name=f"{act} to everyone").click()
    expect(page.get_by_role("status").first).to_contain_text("Published")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"version {version} published")


def test_a_preview_shows_every_channel_without_scripts_or_remote_content(desk: Page) -> None:
    desk.goto("/dashboard/templates/parcel")
    desk.get_by_label("Variables (JSON)").fill('{"name": "<b>Ada</b>"}')
    desk.get_by_role("button", name="Show").click()
    for kind, colour in (("desktop", "rgb(17, 34, 51)"), ("phone", "rgb(17, 34, 51)"), ("dark", "rgb(255, 204, 136)")):
        heading = desk.frame_locator(f".{kind} iframe").locator("h1")
        expect(heading).to_have_text("Hello <b>Ada</b>")
        assert heading.evaluate("one => getComputedStyle(one).color") == colour, kind
        assert desk.locator(f".{kind} iframe").get_attribute("sandbox") == ""
    phone = desk.locator(".phone iframe").bounding_box()
    assert phone is not None
    assert phone["width"] <= 400
    expect(desk.locator(".subject")).to_contain_text("For <b>Ada</b>")
    expect(desk.locator(".push-bubble")).to_contain_text("<b>Ada</b>, it waits at the door.")
    expect(desk.get_by_role("region", name="SMS")).to_contain_text("2 segments")
    clean(desk)
    desk.get_by_label("Language").select_option("fr")
    desk.get_by_role("button", name="Show").click()
    expect(desk.locator(".subject")).to_contain_text("Pour <b>Ada</b>")
    expect(desk.locator(".plain-text")).to_contain_text("colis")
    expect(desk.get_by_role("region", name="SMS")).to_contain_text("1 segment,")


def test_a_test_message_of_a_draft_arrives_and_its_timeline_is_shown(narrow: Page, board: Board) -> None:
    address = f"{secrets.token_hex(4)}@example.com"
    body = {**PARCEL, "subject": "Draft for {{ name }}"}
    del body["code"]
    draft = board.post("/api/v1/templates/parcel/versions", body)
    narrow.goto(f"/dashboard/templates/parcel?version={draft['version']}")
    narrow.get_by_text("Send a test", exact=True).click()
    narrow.get_by_label("To: an address").fill("no address")
    narrow.get_by_role("button", name="Send the test").click()
    expect(narrow.get_by_role("alert")).to_contain_text("recipient.email")
    clean(narrow)
    narrow.get_by_label("To: an address").fill(address)
    narrow.get_by_role("button", name="Send the test").click()
    expect(narrow.get_by_role("heading", level=1)).to_contain_text(address)
    expect(narrow.get_by_role("status").first).to_contain_text("The test message was accepted")
    board.wait_for(narrow.url.rpartition("/")[2].partition("?")[0], "sent")
    [mail] = board.sink.mails_to(address)
    assert mail["subject"] == "Draft for name"
    assert board.audited()[0] == "template.test_sent"


def test_a_translation_is_added(wide: Page, board: Board) -> None:
    code = f"greeting-{secrets.token_hex(4)}"
    board.post("/api/v1/templates", {"code": code, "subject": "Hello", "content": "<p>Hello</p>"})
    wide.goto(f"/dashboard/templates/-/edit?code={code}")
    source(wide, "subject").fill("Hello again")
    wide.get_by_label("Language tag").fill("pt-BR")
    wide.get_by_role("button", name="Add the language").click()
    source(wide, "translations.pt-BR.subject").fill("Olá")
    clean(wide)
    wide.get_by_role("button", name="Save as a draft").first.click()
    expect(wide.get_by_role("heading", level=1)).to_contain_text("version 2")
    made = board.get(f"/api/v1/templates/{code}?version=2")
    assert (made["subject"], made["translations"]) == ("Hello again", {"pt-BR": {"subject": "Olá"}})


def test_line_numbers_follow_the_text_and_tab_leaves_the_editor(wide: Page) -> None:
    wide.goto("/dashboard/templates/-/edit?code=parcel")
    area = source(wide, "html")
    numbers = area.locator("xpath=preceding-sibling::div").locator("span")
    area.fill("\n".join(f"<p>{number}</p>" for number in range(60)))
    expect(numbers).to_have_count(60)
    area.evaluate("area => { area.scrollTop = area.scrollHeight; }")
    expect(numbers.last).to_be_in_viewport()
    area.focus()
    wide.keyboard.press("Tab")
    expect(source(wide, "text")).to_be_focused()


def test_editing_works_without_scripts(browser: Browser, board: Board) -> None:
    context = browser.new_context(base_url=board.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    code = f"plain-{secrets.token_hex(4)}"
    board.post("/api/v1/templates", {"code": code, "subject": "Hello", "content": "\n<p>\n{{ name }}</p>\n"})
    page.goto(f"/dashboard/templates/-/edit?code={code}")
    area = page.locator("#field-content")
    expect(area).to_have_value("\n<p>\n{{ name }}</p>\n")
    area.fill(f"{HOSTILE}\n{{% if %}}")
    page.get_by_role("button", name="Save as a draft").first.click()
    expect(page.locator(".excerpt")).to_contain_text("{% if %}")
    expect(area).to_have_value(f"{HOSTILE}\n{{% if %}}")
    area.fill("<p>{{ name }}!</p>")
    page.get_by_role("button", name="Save as a draft").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("version 2")
    context.close()
