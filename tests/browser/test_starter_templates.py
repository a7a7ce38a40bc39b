"""The starter templates in a browser."""

from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import Browser, sync_playwright

from angarium.rendering.content import EmailContent
from tests.support.browser import launch
from tests.support.starters import EXAMPLES, starter_mails

pytestmark = pytest.mark.browser
BACKGROUND = "getComputedStyle(document.querySelector('.card > table')).backgroundColor"
TEXT = "getComputedStyle(document.querySelector('.heading div')).color"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def mails() -> Mapping[str, EmailContent]:
    return starter_mails()


@pytest.mark.parametrize("width", [320, 360, 720])
@pytest.mark.parametrize("code", EXAMPLES)
def test_starter_templates_fit_and_cause_no_browser_errors(
    browser: Browser, mails: Mapping[str, EmailContent], code: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 700})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url))
    page.set_content(mails[code].html or "")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    page.close()


@pytest.mark.parametrize("code", EXAMPLES)
def test_starter_templates_follow_the_colour_scheme(
    browser: Browser, mails: Mapping[str, EmailContent], code: str
) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
        page.set_content(mails[code].html or "")
        seen[scheme] = (page.evaluate(BACKGROUND), page.evaluate(TEXT))
        page.close()
    assert seen == {
        "light": ("rgb(255, 255, 255)", "rgb(24, 24, 27)"),
        "dark": ("rgb(39, 39, 42)", "rgb(250, 250, 250)"),
    }
