"""Chromium as the system has it."""

import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def launch(playwright: Playwright) -> Browser:
    """The installed Chromium, without a window. Raises FileNotFoundError."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        message = "Chromium is not installed: scripts/install-test-servers.sh does it"
        raise FileNotFoundError(message)
    return playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
