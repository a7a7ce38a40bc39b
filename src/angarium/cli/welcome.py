"""What `angarium up` says once it listens: the address, the key, a line to paste, and a first notification."""

import shlex
import sys
from typing import Any

import httpx2
import msgspec

TEMPLATE = {
    "code": "welcome",
    "name": "Welcome",
    "subject": "Welcome, {{ name }}",
    "content": "<h1>Welcome, {{ name }}!</h1><p>This is your first notification by Angarium.</p>",
    "title": "Welcome, {{ name }}",
    "body": "This is your first notification by Angarium.",
    "text": "Welcome, {{ name }}! This is your first notification by Angarium.",
    "category": "account",
}
_EXISTS = 409


async def welcome(address: str, api_key: str | None, *, mailbox: bool, send: bool) -> None:
    """Print where it runs; with `send`, make the template `welcome` and send it to the mailbox."""
    if api_key is None:
        _say(f"\nAngarium runs on {address}\n")
        return
    sent = await _first_notification(address, api_key) if send else None
    lines = [f"Angarium runs on {address}", f"API key: {api_key}"]
    if mailbox:
        lines.append(f"Mailbox: {address}/mailbox")
    if sent:
        lines.append(f"A first notification is on its way: {address}{sent}")
    if send:
        lines += ["", "Send another:", curl(address, api_key)]
    _say("\n" + "\n".join(lines) + "\n\nCtrl-C stops it.\n")


def curl(address: str, api_key: str) -> str:
    """A command to paste that sends the template `welcome`."""
    body = msgspec.json.encode(_request("hello-2")).decode()
    parts = ["curl", "-s", f"{address}/api/v1/notifications", "-H", f"X-API-Key: {api_key}"]
    return shlex.join([*parts, "-H", "Content-Type: application/json", "-d", body])


async def _first_notification(address: str, api_key: str) -> str | None:
    """The path of its status; None if it could not be sent."""
    headers = {"X-API-Key": api_key}
    try:
        async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=10, trust_env=False) as client:
            made = await client.post("/api/v1/templates", json=TEMPLATE)
            if made.is_error and made.status_code != _EXISTS:
                return None
            answer = await client.post("/api/v1/notifications", json=_request("hello-1"))
            data: dict[str, Any] = answer.json()["data"] or {}
    except (httpx2.TransportError, ValueError):
        return None
    return data.get("status_url")


def _request(request_id: str) -> dict[str, Any]:
    return {
        "notification_type": "email",
        "recipient": {"email": "you@example.com", "name": "You"},
        "template_code": "welcome",
        "variables": {"name": "You"},
        "request_id": request_id,
    }


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
