"""Request bodies: size limits, media types, and reading them."""

from collections.abc import Collection, Mapping
from typing import Any

from starlette.types import Message, Receive

from angarium.contracts.errors import PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from angarium.platform.http.budget import Share
from angarium.platform.http.frame.strict_json import WEIGHED_BYTES, decode_heavy_json, decode_json

DEFAULT_BODY_LIMIT = 256 * 1024
OPEN_BODY_LIMIT = 32 * 1024
"""The limit for paths without authentication: logins, forms."""


class ClientLeft(Exception):
    """The client closed its connection before the end of its body."""


class BodyRules:
    """`limits`: bytes by path, instead of 256 KB, or 32 KB without authentication.

    `raw`: path prefixes whose bodies are not JSON. Paths have no trailing slash.
    """

    def __init__(self, limits: Mapping[str, int], raw: Collection[str]) -> None:
        self._limits = limits
        self._raw = frozenset(raw)
        self._below = tuple(f"{path}/" for path in raw)

    def concern(self, path: str) -> bool:
        """Whether there is a specific limit for `path`."""
        return path in self._limits or self.is_raw(path)

    def limit(self, path: str, *, guarded: bool) -> int:
        """The largest permitted body in bytes."""
        return self._limits.get(path, DEFAULT_BODY_LIMIT if guarded else OPEN_BODY_LIMIT)

    def is_raw(self, path: str) -> bool:
        """Whether bodies of `path` need not be JSON."""
        return path in self._raw or path.startswith(self._below)


def check_length(headers: Mapping[str, str], limit: int) -> int:
    """Return the declared length, 0 if there is none.

    Raises PayloadTooLarge if it exceeds `limit`, ValidationFailed if it is not a number.
    """
    declared = headers.get("content-length") or "0"
    if not declared.isdecimal():
        raise ValidationFailed.of("body", "has no readable length")
    length = int(declared)
    if length > limit:
        raise too_large(limit)
    return length


def check_media_type(headers: Mapping[str, str], *, raw: bool = False) -> None:
    """Raise UnsupportedMediaType unless the headers declare uncompressed JSON (`raw`: any uncompressed body)."""
    if (headers.get("content-encoding") or "identity").strip().lower() != "identity":
        message = "A compressed body is not taken"
        raise UnsupportedMediaType(message)
    if not raw and not _is_json(headers.get("content-type") or "application/json"):
        raise UnsupportedMediaType


def check_large(body: bytes, needs: bytes | None) -> None:
    """Raise PayloadTooLarge for a body over 256 KB that lacks the bytes `needs`; None: no condition."""
    if needs is not None and len(body) > DEFAULT_BODY_LIMIT and needs not in body:
        raise too_large(DEFAULT_BODY_LIMIT)


async def read_body(receive: Receive, limit: int, share: Share | None = None) -> bytes:
    """Read the body, of at most `limit` bytes; a body over 256 KB counts towards `share`.

    Raises PayloadTooLarge, ServiceUnavailable, ClientLeft.
    """
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        if share is not None and size > DEFAULT_BODY_LIMIT:
            share.grow(size)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def decode_body(body: bytes) -> Any:
    """Decode a body as strict JSON; a large one yields to other tasks meanwhile. Raises as `decode_heavy_json`."""
    return decode_json(body) if len(body) <= WEIGHED_BYTES else await decode_heavy_json(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns an already read body."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    suffixed = media_type.startswith("application/") and media_type.endswith("+json")
    return media_type == "application/json" or suffixed


def too_large(limit: int) -> PayloadTooLarge:
    """The error for a body of more than `limit` bytes."""
    message = f"The body is too large: at most {limit} bytes ({limit // 1024} KB) are taken here"
    return PayloadTooLarge(message)
