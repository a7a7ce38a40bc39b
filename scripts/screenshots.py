"""Takes the screenshots of docs/dashboard.md in Chromium, from an embedded system with sample notifications.

Run by `make screenshots`. It starts its own system, on a free port and in a temporary folder.
"""

import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
COMMAND = Path(sys.executable).with_name("angarium")
TEMPLATE = {
    "code": "receipt",
    "subject": "Your receipt {{ order }}",
    "html": "<h1>Thank you, {{ name }}</h1><p>Order <b>{{ order }}</b> is on its way.</p>",
    "text": "Thank you, {{ name }}. Order {{ order }} is on its way.",
    "title": "Order {{ order }}",
    "body": "It is on its way, {{ name }}.",
}
NAMES = ("ada", "grace", "alan", "linus", "margaret", "barbara", "edsger", "katherine")
TROUBLE = ("bounce", "reject", "retry", "retry", "fail-2")
TEMPLATE_PAGE = "/dashboard/templates/receipt?variables=%7B%22name%22%3A%22Ada%22%2C%22order%22%3A1042%7D"
SIGN_IN = "/dashboard/sign-in"
WIDE = ("/", "/dashboard/notifications", "/dashboard/dead-letters", "one", TEMPLATE_PAGE)
NARROW = ("/", "one", SIGN_IN)
"""Paths; `one` is the page of a notification."""
STARTED_WITHIN = 60.0


def main() -> None:
    """Write the images."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (url, output):
        key = _found(r"Key +(\S+)", output)
        link = _found(r"Sign in +(\S+)", output)
        with httpx2.Client(base_url=url, headers={"x-api-key": key}, timeout=30, trust_env=False) as client:
            send(client)
            settle(client)
        spread(Path(folder) / "notifications.sqlite3")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox", "--disable-gpu"])
            shoot(browser, url, link)
            browser.close()


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, str]]:
    """An embedded system: its address and the output of its start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "PORT": str(port),
        "DATA_DIR": str(folder),
        "MAILBOX_SMTP_PORT": "0",
        "EMAIL_PROVIDERS": "sandbox://?name=primary,sandbox://?name=second",
        "SMS_PROVIDERS": "sandbox://?name=texts",
        "PUSH_PROVIDERS": "sandbox://?name=phones",
        "EMAIL_RETRY_DELAYS": "1s,1s,1s",
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    environment |= {f"ANGARIUM_{name}": value for name, value in settings.items()}
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen([COMMAND, "up"], env=environment, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            yield f"http://localhost:{port}", _printed(folder / "output")
        finally:
            process.terminate()
            process.wait(30)


def send(client: httpx2.Client) -> None:
    """Send two hundred notifications; about one in eight has a problem."""
    chosen = random.Random(7)  # noqa: S311 - the same picture each time
    client.post("/api/v1/templates", json=TEMPLATE)
    for number in range(200):
        name = chosen.choice(NAMES)
        channel = chosen.choice(("email", "email", "email", "sms", "push"))
        target = {"email": f"{name}@example.com"}
        if channel == "sms":
            target = {"phone": f"+1415555{number:04}"}
        elif channel == "push":
            target = {"push_token": f"{name}-phone-{number}"}
        elif chosen.random() < 0.2:  # noqa: PLR2004 - about one in eight of all
            target = {"email": f"{chosen.choice(TROUBLE)}@example.com"}
        client.post(
            "/api/v1/notifications",
            json={
                "notification_type": channel,
                "recipient": {**target, "name": name.title()},
                "template_code": "receipt",
                "variables": {"name": name.title(), "order": 1000 + number},
                "metadata": {"order": 1000 + number},
                "request_id": f"order-{1000 + number}",
            },
        ).raise_for_status()
    later = {"notification_type": "email", "recipient": {"email": "later@example.com"}, "template_code": "receipt"}
    tomorrow = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    client.post("/api/v1/notifications", json={**later, "variables": {"name": "Ada", "order": 1}, "send_at": tomorrow})


def settle(client: httpx2.Client) -> None:
    """Wait until every notification that is not scheduled has ended."""
    deadline = time.monotonic() + STARTED_WITHIN
    for status in ("pending", "sending", "retrying"):
        while client.get("/api/v1/notifications", params={"status": status}).json()["data"]:
            if time.monotonic() > deadline:
                raise SystemExit("The notifications were not sent in time")
            time.sleep(0.5)


def spread(database: Path) -> None:
    """Distribute the notifications over the last hour, mostly around its middle, to fill the chart."""
    with closing(sqlite3.connect(database)) as connection, connection:
        back = "(((rowid * 7919) % 2500 + (rowid * 104729) % 900) * 1000000)"
        connection.execute(f"UPDATE notifications SET created_at = created_at - {back}, sent_at = sent_at - {back}")  # noqa: S608


def shoot(browser: Browser, url: str, link: str) -> None:
    """Take each page on a wide screen in light colours and on a phone in dark colours."""
    cookies: Sequence[Any] = ()
    for scheme, width, height, wanted in (("light", 1280, 900, WIDE), ("dark", 390, 844, NARROW)):
        context = browser.new_context(
            base_url=url, color_scheme=scheme, viewport={"width": width, "height": height}, device_scale_factor=1
        )
        page = context.new_page()
        if link:
            page.goto(link)
            page.wait_for_url(f"{url}/")
            cookies, link = context.cookies(), ""
        context.add_cookies(cookies)
        for name in wanted:
            if name == SIGN_IN:
                context.clear_cookies()
            path = _path(page, name)
            page.goto(path)
            page.wait_for_timeout(2500 if path == "/" else 300)
            page.screenshot(path=IMAGES / f"{_name(path)}-{scheme}.png", full_page=path == "/" and scheme == "light")
        context.close()


def _path(page: Page, name: str) -> str:
    match name:
        case "one":
            return _one(page, "retry")
        case _:
            return name


def _one(page: Page, word: str) -> str:
    """The path of a notification that the search finds for `word`."""
    page.goto(f"/dashboard/notifications?q={word}@example.com")
    return str(page.locator("td.to a").first.get_attribute("href"))


def _name(path: str) -> str:
    if path == TEMPLATE_PAGE:
        return "dashboard-template"
    if re.search(r"/[0-9a-f-]{36}$", path):
        return "dashboard-notification"
    return f"dashboard-{path.rpartition('/')[2] or 'overview'}"


def _printed(path: Path) -> str:
    deadline = time.monotonic() + STARTED_WITHIN
    while "Press Ctrl-C" not in path.read_text():
        if time.monotonic() > deadline:
            raise SystemExit(f"The system did not start: {path.read_text()}")
        time.sleep(0.2)
    return path.read_text()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"{pattern} is not in the system's output")
    return match[1]


def _chromium() -> str:
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None:
        raise SystemExit("Chromium is not installed: run scripts/install-test-servers.sh")
    return found


if __name__ == "__main__":
    main()
