"""Request bodies: read whole within a limit, and handed on only when they are what a route may read."""

from collections.abc import Mapping, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from angarium.contracts.errors import PayloadTooLarge, Rejected, UnsupportedMediaType, ValidationFailed
from angarium.platform.http.answers import refuse
from angarium.platform.http.headers import header
from angarium.platform.http.strict_json import check_json

DEFAULT_BODY_LIMIT = 256 * 1024
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class _ClientLeft(Exception):
    """The client closed its connection before the end of its body."""


class BodyMiddleware:
    """Takes strict JSON of at most 256 KB, not compressed; declared or chunked makes no difference.

    `limits`: bytes by path prefix, the longest that fits wins. `raw`: path prefixes whose bodies are not JSON.
    """

    def __init__(self, app: ASGIApp, *, limits: Mapping[str, int], raw: Sequence[str] = ()) -> None:
        self._app = app
        self._limits = sorted(limits.items(), key=lambda item: len(item[0]), reverse=True)
        self._raw = tuple(raw)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _WITHOUT_BODY:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except _ClientLeft:
            return
        except Rejected as error:
            await refuse(error)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        path = scope["path"]
        limit = next((size for prefix, size in self._limits if path.startswith(prefix)), DEFAULT_BODY_LIMIT)
        declared = header(scope, b"content-length") or "0"
        if not declared.isdecimal():
            raise ValidationFailed.of("body", "has no readable length")
        if int(declared) > limit:
            raise PayloadTooLarge
        body = await _collect(receive, limit)
        if body and not path.startswith(self._raw):
            _check_type(scope)
            check_json(body)
        return body


def _check_type(scope: Scope) -> None:
    if (header(scope, b"content-encoding") or "identity").strip().lower() != "identity":
        message = "A compressed body is not taken"
        raise UnsupportedMediaType(message)
    media_type = (header(scope, b"content-type") or "application/json").partition(";")[0].strip().lower()
    suffixed = media_type.startswith("application/") and media_type.endswith("+json")
    if media_type != "application/json" and not suffixed:
        raise UnsupportedMediaType


async def _collect(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientLeft
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise PayloadTooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if len(chunks) > 1 else chunk


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
