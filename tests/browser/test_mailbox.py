"""The mailbox page: mails with attachments, images and links; search, URLs that can be shared, and keyboard use."""

import base64
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from smtplib import SMTP
from typing import Any

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has none
from playwright.sync_api import Browser, Page, Route, expect

from angarium.testing.smtp.sink import SmtpSink
from tests.browser.accessibility import AXE
from tests.browser.conftest import READY_WITHIN, opened
from tests.support.servers.ports import free_port
from tests.support.system import EmbeddedSystem, running

pytestmark = pytest.mark.browser

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TEMPLATE = {
    "code": "parcel",
    "subject": "A parcel for {{ name }}",
    "html": "<h1>Hello {{ name }}</h1>",
    "title": "Your parcel is here",
    "body": "{{ name }}, it waits at the door.",
    "text": "{{ name }}: parcel at the door",
    "json": '{"event": "parcel", "name": "{{ name }}"}',
}
REMOTE = "https://images.example/pixel.png"
SCREENS = [("light", 1440), ("dark", 390)]
WIDTHS = (390, 768, 1024, 1440)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A system whose mailbox has one message per channel, a mail with an attachment, and a mail received by SMTP."""
    port = free_port()
    settings = {"EMAIL_PROVIDERS": "mailbox://", "WEBHOOK_PROVIDERS": "mailbox://", "MAILBOX_SMTP_PORT": str(port)}
    with SmtpSink() as sink:
        system = EmbeddedSystem(tmp_path_factory.mktemp("caught"), sink=sink, settings=settings)
        with running(system), client_of(system) as client:
            assert client.post("/api/v1/templates", json=TEMPLATE).status_code == 201
            send(client, "sms", {"phone": "+14155550134"}, variables={"name": "Ж" * 100})
            send(client, "webhook", {"webhook": "http://127.0.0.1:9/hook"})
            push = {"actions": [{"id": "open", "title": "Open it"}], "badge": 3}
            send(client, "push", {"push_token": "device-1"}, push=push)
            content = base64.b64encode(b"Invoice 44").decode()
            file = {"filename": "invoice.txt", "content_type": "text/plain", "content": content}
            send(client, "email", {"email": "ada@example.com"}, attachments=[file], email={"cc": ["cc@example.com"]})
            send_by_smtp(port)
            yield system.url


@contextmanager
def client_of(system: EmbeddedSystem) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=system.url, headers=dict(system.headers), timeout=30, trust_env=False) as client:
        yield client


def send(client: httpx2.Client, channel: str, recipient: dict[str, str], **more: Any) -> None:
    """Send the template, and wait until the message is in the mailbox."""
    body = {"notification_type": channel, "template_code": "parcel", "recipient": recipient, **more}
    answer = client.post("/api/v1/notifications", json={"variables": {"name": "Ada"}, **body})
    assert answer.status_code == 202, answer.text
    path, deadline = f"/api/v1/mailbox/messages?channel={channel}", time.monotonic() + READY_WITHIN
    while not client.get(path).json()["meta"]["total"]:
        assert time.monotonic() < deadline, f"no {channel} was caught"


def send_by_smtp(port: int) -> None:
    """Send a mail as another program would, with an embedded image, a remote image and a link."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Welcome", "Shop <shop@example.com>", "bob@example.com"
    mail["Reply-To"] = "help@example.com"
    mail.set_content("Welcome")
    html = (
        "<h1>Welcome</h1><img alt='logo' id='own' src='cid:logo'>"
        f"<img alt='' id='remote' src='{REMOTE}'><a href='https://shop.example/verify?a=1&amp;b=2'>Verify</a>"
    )
    mail.add_alternative(html, subtype="html")
    mail.add_attachment(PNG, maintype="image", subtype="png", filename="logo.png", cid="<logo>", disposition="inline")
    with SMTP("127.0.0.1", port, timeout=30) as client:
        client.send_message(mail)


@pytest.fixture(params=SCREENS, ids=lambda screen: f"{screen[0]}-{screen[1]}")
def page(request: pytest.FixtureRequest, browser: Browser, url: str) -> Iterator[Page]:
    scheme, width = request.param
    with opened(browser, url, scheme, width) as page:
        yield page


def open_message(page: Page, name: str, address: str = "/mailbox") -> None:
    page.goto(address)
    page.locator("#messages button").filter(has_text=name).first.click()
    expect(page.locator("#shown h2")).to_have_text(re.compile(name))


def test_no_message_has_accessibility_violations_at_any_width(browser: Browser, url: str) -> None:
    axe, found = Axe(), dict[tuple[str, str], str]()
    for scheme, channels in (("light", ("email", "webhook")), ("dark", ("email", "push", "sms"))):
        with opened(browser, url, scheme, 1440, allowed=(REMOTE,)) as page:  # type: ignore[arg-type]  # a literal
            for channel in channels:
                page.goto(f"/mailbox?channel={channel}")
                page.locator("#messages button").first.click()
                expect(page.locator("#shown h2")).to_be_visible()
                for width in WIDTHS:
                    page.set_viewport_size({"width": width, "height": 800})
                    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (channel, width)
                result = axe.run(page, options=AXE)
                found |= {(scheme, channel): result.generate_report()} if result.violations_count else {}
    assert found == {}


def test_the_search_finds_subjects_texts_and_parts_of_addresses(page: Page) -> None:
    page.goto("/mailbox")
    entries = page.locator("#messages button")
    expect(entries).to_have_count(6)
    page.get_by_label("Search").fill("WELCOME")
    expect(entries).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/mailbox\?q=WELCOME$"))
    page.reload()
    expect(entries).to_have_count(1)
    page.get_by_label("To", exact=True).fill("nowhere")
    expect(page.locator("#nothing")).to_contain_text("No message matches.")
    assert Axe().run(page, options=AXE).violations_count == 0
    page.get_by_role("button", name="Clear the search").click()
    expect(entries).to_have_count(6)
    page.get_by_label("To", exact=True).fill("example")
    expect(entries).to_have_count(3)


def test_a_message_has_a_url_and_links_to_its_timeline(page: Page) -> None:
    open_message(page, "A parcel for Ada", "/mailbox?to=ada@")
    expect(page).to_have_url(re.compile(r"/mailbox\?to=ada%40#[0-9a-f-]{36}$"))
    page.goto(page.url.replace("?to=ada%40", "?channel=sms"))
    expect(page.locator("#shown h2")).to_have_text("A parcel for Ada")
    shown = page.locator("#shown")
    expect(shown).to_contain_text("cc@example.com")
    link = shown.get_by_role("link", name=re.compile("^[0-9a-f-]{36}$"))
    assert link.get_attribute("href") == f"/dashboard/notifications/{link.inner_text()}"


def test_attachments_and_the_source_are_downloaded(page: Page) -> None:
    open_message(page, "A parcel for Ada", "/mailbox?to=ada@")
    files = page.get_by_role("list", name="Attachments")
    expect(files).to_contain_text("text/plain, 10 B")
    with page.expect_download() as started:
        files.get_by_role("link", name="invoice.txt").click()
    assert started.value.suggested_filename == "invoice.txt"
    assert started.value.path().read_bytes() == b"Invoice 44"
    page.get_by_role("button", name="Source").click()
    expect(page.locator("#shown pre")).to_contain_text("Subject: A parcel for Ada")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download .eml").click()
    assert started.value.suggested_filename.endswith(".eml")
    assert b"Subject: A parcel for Ada" in started.value.path().read_bytes()


def test_remote_images_are_loaded_only_on_request(browser: Browser, url: str) -> None:
    asked = []

    def picture(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body=PNG, content_type="image/png")

    with opened(browser, url, "light", 1000, allowed=(REMOTE,)) as page:
        page.route(f"{REMOTE}*", picture)
        open_message(page, "Welcome")
        frame = page.frame_locator("iframe")
        width = "image => image.complete && image.naturalWidth"
        expect(frame.locator("h1")).to_have_text("Welcome")
        assert frame.locator("#own").evaluate(width) == 1
        assert asked == []
        page.get_by_role("button", name="Show remote images").click()
        expect(page.get_by_text("Remote images are off.")).to_have_count(0)
        expect(frame.locator("h1")).to_have_text("Welcome")
        page.wait_for_function("document.querySelector('iframe').src.endsWith('?images=true')")
        expect(frame.locator("#remote")).to_have_js_property("naturalWidth", 1)
        assert asked == [REMOTE]
        page.get_by_role("button", name="Links").click()
        link = page.get_by_role("link", name="https://shop.example/verify?a=1&b=2")
        expect(link).to_have_attribute("rel", "noopener noreferrer")


def test_each_channel_has_its_own_view(page: Page) -> None:
    page.goto("/mailbox?channel=sms")
    page.locator("#messages button").click()
    expect(page.locator("#shown")).to_contain_text("2 (UCS-2, 120 characters)")
    page.goto("/mailbox?channel=push")
    page.locator("#messages button").click()
    expect(page.locator(".stage")).to_contain_text("Open it")
    page.get_by_role("button", name="Fields").click()
    expect(page.locator("#shown pre")).to_contain_text('"badge": 3')
    page.goto("/mailbox?channel=webhook")
    page.locator("#messages button").click()
    shown = page.locator("#shown pre")
    expect(shown).to_contain_text("parcel")
    assert json.loads(shown.inner_text())["name"] == "Ada"
    assert "\n" in shown.inner_text()


def test_a_message_is_deleted_and_the_list_keeps_its_position(browser: Browser, url: str) -> None:
    with opened(browser, url, "light", 1000) as page:
        page.goto("/mailbox")
        entries = page.locator("#messages button")
        expect(entries).to_have_count(6)
        expect(entries.first).to_have_attribute("tabindex", "0")
        assert page.locator("#messages button[tabindex='0']").count() == 1
        entries.first.focus()
        page.keyboard.press("End")
        expect(entries.last).to_be_focused()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Delete", exact=True).click()
        expect(entries).to_have_count(5)
        expect(page.locator("#messages button[aria-pressed='true']")).to_have_count(1)
        expect(page.get_by_role("status")).to_have_text("5 messages")
