"""Starts the installed Chromium."""

import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def launch(playwright: Playwright) -> Browser:
    """Start the installed Chromium in headless mode. Raises FileNotFoundError if it is missing."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        message = "Chromium is not installed: run scripts/install-test-servers.sh"
        raise FileNotFoundError(message)
    return playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
