"""Errors as HTML pages for browsers. Other clients get the envelope."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from angarium.platform.http.frame.headers import header

ErrorPage = Callable[[Request, int, str], Response]
"""Renders the page of an error from the request, the status and the message."""
_KEPT = frozenset({b"retry-after", b"allow", b"connection"})
"""Headers copied from the envelope's answer."""


class ErrorPageMiddleware:
    """Replaces an error envelope by the page from `make` if `wants_page` is true."""

    def __init__(self, app: ASGIApp, *, make: ErrorPage, data_paths: Sequence[str]) -> None:
        self._app = app
        self._make = make
        self._data_paths = tuple(data_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not wants_page(scope, self._data_paths):
            await self._app(scope, receive, send)
            return
        held: Message | None = None
        body = b""

        async def send_page(message: Message) -> None:
            nonlocal held, body
            if message["type"] == "http.response.start" and _is_error(message):
                held = message
            elif held is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    page = self._make(Request(scope), held["status"], _message_of(body, held["status"]))
                    page.raw_headers += [line for line in held["headers"] if line[0] in _KEPT]
                    await page(scope, receive, send)

        await self._app(scope, receive, send_page)


def wants_page(scope: Scope, data_paths: Sequence[str]) -> bool:
    """Whether it is a browser's navigation: it accepts HTML but not JSON, and the path is not one of `data_paths`."""
    if scope["path"].startswith(tuple(data_paths)):
        return False
    accepted = header(scope, b"accept") or ""
    return "text/html" in accepted and "application/json" not in accepted


def _is_error(message: Message) -> bool:
    headers: Mapping[bytes, bytes] = dict(message.get("headers", ()))
    json = headers.get(b"content-type", b"").startswith(b"application/json")
    return bool(message["status"] >= HTTPStatus.BAD_REQUEST) and json


def _message_of(body: bytes, status: int) -> str:
    """The envelope's message, with each field that is wrong and why."""
    try:
        envelope = msgspec.json.decode(body)
        faults = [f"{one['field']}: {one['message']}" for one in (envelope.get("error") or {}).get("details", ())]
        message = envelope["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        message, faults = None, []
    if not isinstance(message, str):
        return HTTPStatus(status).phrase
    return f"{message}: {'; '.join(faults)}" if faults else message
