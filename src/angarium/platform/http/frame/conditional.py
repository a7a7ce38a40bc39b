"""Entity tags, and requests that are conditional on them (RFC 9110 §8.8.3, §13.1)."""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from angarium.contracts.errors import PreconditionFailed
from angarium.platform.http.frame.headers import header

_ANY = "*"
_WEAK = "W/"
_OF_THE_BODY = frozenset({b"content-type", b"content-length"})
"""What a 304 leaves out, since it has no body (RFC 9110 §15.4.5)."""


def entity_tag(revision: int) -> str:
    """The strong tag of a revision."""
    return f'"{revision}"'


def tag(response: Response, revision: int) -> None:
    """Set the ETag header of an answer."""
    response.headers["etag"] = entity_tag(revision)


def check_unchanged(revision: int, if_match: str | None) -> None:
    """Raise PreconditionFailed unless `if_match` is absent, is `*` or lists the tag of `revision`.

    A weak tag never matches, since If-Match uses the strong comparison.
    """
    if if_match is None or if_match.strip() == _ANY:
        return
    if entity_tag(revision) not in (given.strip() for given in if_match.split(",")):
        raise PreconditionFailed


class NotModifiedMiddleware:
    """Answers a GET or HEAD with a 304 where `If-None-Match` lists the tag of what would be sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = header(scope, b"if-none-match") if scope["type"] == "http" else None
        if known is None or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        unmodified = False

        async def send_if_modified(message: Message) -> None:
            nonlocal unmodified
            if message["type"] == "http.response.start":
                unmodified = message["status"] == HTTPStatus.OK and _listed(message["headers"], known)
                if unmodified:
                    kept = [(name, value) for name, value in message["headers"] if name not in _OF_THE_BODY]
                    message = {**message, "status": int(HTTPStatus.NOT_MODIFIED), "headers": kept}
            elif unmodified:
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, send_if_modified)


def _listed(headers: Iterable[tuple[bytes, bytes]], known: str) -> bool:
    """Whether the answer has a tag that `known` lists; a weak tag matches too (RFC 9110 §13.1.2)."""
    tag = next((value.decode("latin-1") for name, value in headers if name == b"etag"), None)
    if tag is None:
        return False
    return known.strip() == _ANY or tag in (given.strip().removeprefix(_WEAK) for given in known.split(","))
