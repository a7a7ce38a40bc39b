"""The banner of `angarium up`: addresses, API key, the first notification, an example command."""

import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
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
_UNSENT = frozenset({"pending", "sending", "retrying"})


@dataclass(frozen=True, slots=True)
class Place:
    """The addresses of a running system.

    `smtp_port` is the SMTP port of the mailbox, None without one. `sign_in` is the path of a sign-in link for the
    dashboard, which works once.
    """

    address: str
    mailbox: bool
    smtp_port: int | None = None
    sign_in: str | None = None


async def welcome(place: Place, api_key: str | None, *, send: bool) -> None:
    """Print the banner. With `send`, first create the template `welcome` and send it to the mailbox, once."""
    sent = send and api_key is not None and await _first_notification(place.address, api_key)
    _say("\n".join(["", *_banner(place, api_key, sent=sent, curl_too=send), ""]))


def curl(address: str, api_key: str) -> str:
    """A shell command that sends the template `welcome`."""
    body = msgspec.json.encode(_request("hello-2")).decode()
    lines = (
        ("curl", f"{address}/api/v1/notifications", "-H", f"X-API-Key: {api_key}"),
        ("-H", "Content-Type: application/json"),
        ("-d", body),
    )
    return " \\\n  ".join(shlex.join(line) for line in lines)


def _banner(place: Place, api_key: str | None, *, sent: bool, curl_too: bool) -> Iterator[str]:
    address = place.address
    yield f"Angarium runs on {address}"
    yield ""
    yield f"  Home     {address}"
    if place.sign_in is not None:
        yield f"  Sign in  {address}{place.sign_in} (once)"
    yield f"  Docs     {address}/docs"
    if place.mailbox:
        yield f"  Mailbox  {address}/mailbox"
    if place.smtp_port is not None:
        yield f"  SMTP     localhost:{place.smtp_port}"
    if api_key is not None:
        yield f"  Key      {api_key}"
    if sent:
        yield f"\nThe first notification is being sent to the mailbox: {address}/mailbox"
    if api_key is not None and curl_too:
        yield f"\nSend another:\n\n{curl(address, api_key)}"
    yield "\nPress Ctrl-C to stop.\n"


async def _first_notification(address: str, api_key: str) -> bool:
    """Whether the first notification was accepted. False if an earlier start sent it, or on failure."""
    headers = {"X-API-Key": api_key}
    try:
        async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=10, trust_env=False) as client:
            made = await client.post("/api/v1/templates", json=TEMPLATE)
            if made.is_error and made.status_code != HTTPStatus.CONFLICT:
                return False
            answer = await client.post("/api/v1/notifications", json=_request("hello-1"))
            data: dict[str, Any] = answer.json()["data"] or {}
    except (httpx2.TransportError, ValueError):
        return False
    return data.get("status") in _UNSENT


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
