"""Writes docs/images/templates: the starter templates in Chromium, wide and narrow, light and dark."""

import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.browser import launch  # noqa: E402 - the path comes first
from tests.support.starters import starter_mails  # noqa: E402

IMAGES = ROOT / "docs" / "images" / "templates"
PICTURES = {"wide-light": 720, "wide-dark": 720, "narrow-light": 360}


def main() -> None:
    """Write the pictures of all starter templates."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for code, mail in starter_mails().items():
            for name, width in PICTURES.items():
                take(browser, mail.html or "", IMAGES / f"{code}-{name}.png", width, dark=name.endswith("dark"))
        browser.close()


def take(browser: Browser, html: str, file: Path, width: int, *, dark: bool) -> None:
    """Write one picture."""
    page = browser.new_page(
        viewport={"width": width, "height": 600},
        color_scheme="dark" if dark else "light",
        java_script_enabled=False,
        device_scale_factor=1,
    )
    page.set_content(html)
    page.screenshot(path=file, full_page=True)
    page.close()


if __name__ == "__main__":
    main()
