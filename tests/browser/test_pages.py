"""The public pages on a wide screen in light colours and on a phone in dark colours."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has none
from playwright.sync_api import Page, expect

from tests.browser.accessibility import AXE
from tests.browser.conftest import Site

pytestmark = pytest.mark.browser


def test_every_link_of_the_first_page_works(page: Page) -> None:
    page.goto("/")
    links = [card.get_attribute("href") for card in page.locator("main nav a").all()]
    assert {"/mailbox", "/docs", "/health", "/ready", "/metrics"} <= set(links)
    for link in links:
        answer = page.request.get(str(link))
        assert answer.status == 200, link
    page.get_by_role("link", name="Mailbox").click()
    expect(page).to_have_title(re.compile("Mailbox"))


def test_the_mailbox_shows_a_mail_without_running_its_scripts(page: Page) -> None:
    page.goto("/mailbox")
    page.get_by_role("button", name="A parcel for Ada").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("A parcel for Ada")
    frame = page.frame_locator("iframe")
    expect(frame.locator("h1")).to_have_text("Hello Ada")
    assert page.locator("iframe").get_attribute("sandbox") == ""
    page.get_by_role("button", name="HTML").click()
    expect(page.locator("#shown pre")).to_contain_text("Hello Ada")


def test_the_mailbox_shows_a_push_and_an_sms_like_a_phone(page: Page) -> None:
    page.goto("/mailbox")
    page.get_by_role("button", name="Push", exact=True).click()
    expect(page.locator("#messages li")).to_have_count(1)
    page.locator("#messages button").click()
    expect(page.locator(".phone.push")).to_contain_text("Ada, it waits at the door.")
    page.get_by_role("button", name="SMS", exact=True).click()
    sms = page.get_by_role("button", name="Ada: parcel at the door")
    expect(sms).to_be_visible()
    sms.click()
    expect(page.locator(".phone.sms")).to_have_text("Ada: parcel at the door")


def test_the_mailbox_can_be_used_by_keyboard_and_shows_new_messages(page: Page, site: Site) -> None:
    page.goto("/mailbox")
    entries = page.locator("#messages button")
    expect(entries.first).to_be_visible()
    before = entries.count()
    site.send("sms", {"recipient": {"phone": "+14155550199"}})
    expect(entries).to_have_count(before + 1)
    entries.first.focus()
    page.keyboard.press("ArrowDown")
    expect(entries.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#messages button[aria-pressed=true]")).to_have_count(1)
    assert page.locator("#shown h2").is_visible()


def test_the_documentation_lists_every_operation_of_every_service(page: Page) -> None:
    page.goto("/docs")
    expect(page.locator("section").first).to_be_visible()
    shown = set(page.locator("summary").all_inner_texts())
    for path in ("/openapi.json", "/docs/users.json", "/docs/templates.json"):
        document = page.request.get(path).json()
        for route, item in document["paths"].items():
            for method in item:
                assert any(text.startswith(method.upper()) and route in text for text in shown), (method, route)


def test_the_documentation_shows_schemas_searches_and_sends_requests(page: Page, site: Site) -> None:
    page.goto("/docs")
    expect(page.locator("section").first).to_be_visible()
    page.get_by_label("Find").fill("/api/v1/notifications/bulk")
    operation = page.locator("details:visible")
    expect(operation).to_have_count(1)
    operation.locator("summary").click()
    operation.get_by_role("link", name="BulkRequest").click()
    schema = page.locator("[id='schema-BulkRequest']")
    expect(schema).to_have_attribute("open", "")
    expect(schema).to_contain_text("recipients")
    page.get_by_label("API key").fill(site.client.headers["x-api-key"])
    page.get_by_label("Find").fill("/api/v1/audit")
    audit = page.locator("details:visible")
    audit.locator("summary").click()
    audit.get_by_role("button", name="Try it").click()
    expect(audit.locator("pre")).to_contain_text("200")


def test_the_documentation_is_accessible_has_curl_examples_and_links_to_operations(page: Page) -> None:
    page.goto("/docs#send_notification")
    sending = page.locator("[id='send_notification']")
    expect(sending).to_have_attribute("open", "")
    expect(page.locator("#introduction")).to_contain_text("Idempotency.")
    expect(sending).to_contain_text("Exactly one of user_id and recipient")
    sending.get_by_role("button", name="Show curl").click()
    expect(sending.locator("pre")).to_contain_text("curl -X POST 'http://127.0.0.1")
    assert Axe().run(page, options=AXE).violations_count == 0
    page.get_by_label("Find").fill("nothing-has-this")
    expect(page.get_by_role("status")).to_have_text("No operation or schema matches.")
    page.get_by_label("Find").fill("list_suppressions")
    expect(page.locator("details:visible")).to_have_count(1)


def test_the_example_of_the_documentation_is_sent(page: Page, site: Site) -> None:
    page.goto("/docs")
    page.get_by_label("API key").fill(site.client.headers["x-api-key"])
    sending = page.locator("details", has=page.locator("summary code", has_text=re.compile("^/api/v1/notifications$")))
    sending = sending.filter(has=page.locator(".method.post"))
    sending.locator("summary").click()
    sending.get_by_role("button", name="Try it").click()
    expect(sending.locator("pre")).to_contain_text(re.compile("^202"))


def test_the_documentation_asks_for_a_missing_path_parameter(page: Page) -> None:
    page.goto("/docs")
    page.get_by_label("Find").fill("/resolve")
    resolving = page.locator("details:visible")
    expect(resolving).to_have_count(1)
    resolving.locator("summary").click()
    resolving.get_by_role("button", name="Try it").click()
    expect(resolving.locator("pre")).to_have_text("Fill in notification_id first.")


def test_the_documentation_uploads_a_file_of_users(page: Page, site: Site) -> None:
    page.goto("/docs")
    page.get_by_label("API key").fill(site.client.headers["x-api-key"])
    page.get_by_label("Find").fill("/users/import")
    importing = page.locator("details:visible").filter(has=page.locator(".method.post"))
    expect(importing).to_have_count(1)
    importing.locator("summary").click()
    importing.get_by_role("button", name="Try it").click()
    expect(importing.locator("pre")).to_contain_text(re.compile("^202"))


def test_the_preference_page_changes_preferences_only_when_saved(page: Page, site: Site) -> None:
    path = site.unsubscribe_path()
    wanted = site.wants_news()
    page.goto(path)
    page.goto(path.replace("unsubscribe", "preferences"))
    assert site.wants_news() is wanted
    box = page.get_by_label("News: Email")
    expect(box).to_be_checked(checked=wanted)
    box.set_checked(not wanted)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(box).to_be_checked(checked=not wanted)
    assert site.wants_news() is not wanted


def test_the_preference_page_has_an_unsubscribe_button(page: Page, site: Site) -> None:
    path = site.unsubscribe_path().replace("unsubscribe", "preferences")
    site.want_news()
    page.goto(path)
    expect(page.locator("main")).to_contain_text("Messages from Angarium · Sent to a…@example.com")
    assert Axe().run(page, options=AXE).violations_count == 0
    page.get_by_role("button", name="Unsubscribe from News by email").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(page.locator("p.done")).to_contain_text("You are unsubscribed from News by email.")
    expect(page.get_by_label("News: Email")).not_to_be_checked()
    assert Axe().run(page, options=AXE).violations_count == 0
    assert not site.wants_news()


def test_the_preference_page_uses_the_users_language(page: Page, site: Site) -> None:
    path = site.unsubscribe_path()
    user = f"/api/v1/users/{site.user_id}"
    assert site.client.patch(user, json={"locale": "de"}).status_code == 200
    page.goto(path)
    expect(page.get_by_role("heading", level=1)).to_have_text("Ihre Einstellungen")
    assert site.client.patch(user, json={"locale": None}).status_code == 200
    page.set_extra_http_headers({"accept-language": "fr-CA"})
    page.goto(path)
    expect(page.get_by_role("heading", level=1)).to_have_text("Vos préférences")


def test_an_invalid_link_shows_an_error(page: Page) -> None:
    browsers = {"accept": "text/html,application/xhtml+xml"}
    answer = page.request.get("/preferences/AAAA", headers=browsers)
    assert answer.status == 404
    assert "not valid" in answer.text()
    assert page.request.get("/preferences/AAAA").json()["error"]["code"] == "not_found"
    assert "<h1>Not Found</h1>" in page.request.get("/nope", headers=browsers).text()
    assert page.request.get("/nope").json()["error"]["code"] == "not_found"
    signing_in = page.request.get("/dashboard/notifications", headers=browsers)
    assert (signing_in.status, "Sign in" in signing_in.text()) == (401, True)
    assert page.request.get("/dashboard/notifications").json()["error"]["code"] == "unauthorized"
