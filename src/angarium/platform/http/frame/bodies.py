"""Request bodies: read whole within a limit, and handed on only when they are what a route may read."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from angarium.contracts.errors import PayloadTooLarge, Rejected, UnsupportedMediaType, ValidationFailed
from angarium.platform.http.frame.answers import refuse
from angarium.platform.http.frame.headers import headers_of
from angarium.platform.http.frame.strict_json import decode_json

DEFAULT_BODY_LIMIT = 256 * 1024
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class ClientLeft(Exception):
    """The client closed its connection before the end of its body."""


class BodyLimits:
    """How many bytes a body may have: 256 KB, or what `limits` says by path prefix; the longest that fits wins."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = sorted(limits.items(), key=lambda item: len(item[0]), reverse=True)

    def of(self, path: str) -> int:
        """The limit of `path`, in bytes."""
        return next((size for prefix, size in self._limits if path.startswith(prefix)), DEFAULT_BODY_LIMIT)


class BodyMiddleware:
    """Takes strict JSON within `limits`, not compressed; declared or chunked makes no difference.

    `raw`: path prefixes whose bodies are not JSON.
    """

    def __init__(self, app: ASGIApp, *, limits: BodyLimits, raw: Sequence[str] = ()) -> None:
        self._app = app
        self._limits = limits
        self._raw = tuple(raw)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _WITHOUT_BODY:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except ClientLeft:
            return
        except Rejected as error:
            await refuse(error)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        path, headers = scope["path"], headers_of(scope)
        body = await read_body(headers, receive, self._limits.of(path))
        if body and not path.startswith(self._raw):
            decode_body(headers, body)
        return body


async def read_body(headers: Mapping[str, str], receive: Receive, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes. Raises PayloadTooLarge, ValidationFailed, ClientLeft."""
    declared = headers.get("content-length") or "0"
    if not declared.isdecimal():
        raise ValidationFailed.of("body", "has no readable length")
    if int(declared) > limit:
        raise PayloadTooLarge
    return await _collect(receive, limit)


def decode_body(headers: Mapping[str, str], body: bytes) -> Any:
    """A body as strict JSON. Raises UnsupportedMediaType, ValidationFailed."""
    if (headers.get("content-encoding") or "identity").strip().lower() != "identity":
        message = "A compressed body is not taken"
        raise UnsupportedMediaType(message)
    if not _is_json(headers.get("content-type") or "application/json"):
        raise UnsupportedMediaType
    return decode_json(body)


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    suffixed = media_type.startswith("application/") and media_type.endswith("+json")
    return media_type == "application/json" or suffixed


async def _collect(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
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
