"""Request bodies: size limits, media types, reading, and strict JSON (RFC 8259): no NaN, bounded nesting."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
from starlette.types import Message, Receive

from angarium.contracts.errors import PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from angarium.platform.http.budget import Share

MAX_DEPTH = 64
WEIGHED_BYTES = 64 * 1024
"""Bytes from which a body's values are counted before decoding, since small values use many times their size in
memory."""
MOST_CONTAINERS = 100_000
MOST_VALUES = 500_000
_SLICE = 128 * 1024
_COUNTED = 1024 * 1024
"""Bytes counted before yielding to other tasks."""
DEFAULT_BODY_LIMIT = 256 * 1024
OPEN_BODY_LIMIT = 32 * 1024
"""The limit for paths without authentication: logins, forms."""


def decode_json(body: bytes) -> Any:
    """Decode `body`. Raises ValidationFailed, field `body`: not strict JSON in UTF-8, or nested deeper than 64.

    Also refuses numbers outside of IEEE 754 doubles, and lone surrogates, which databases cannot store.
    """
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (ValueError, OverflowError) as error:
        raise ValidationFailed.of("body", f"must be valid JSON{_place(error)}") from None
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_depth(value)
    return value


async def decode_heavy_json(body: bytes) -> Any:
    """As `decode_json`, for a body over 64 KB, whose values are counted first. Also raises PayloadTooLarge."""
    await weigh_json(body)
    return decode_json(body)


async def weigh_json(body: bytes) -> None:
    """Raise PayloadTooLarge if `body` has more than 100,000 objects and lists, or 500,000 values in total.

    Counts brackets and commas. If strings may contain too many of them, only those outside of strings are counted, in
    slices, yielding to other tasks in between.
    """
    if await _is_light_as_text(body):
        return
    containers = commas = 0
    quoted = False
    for piece in _pieces(body):
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(parts[1 if quoted else 0 :: 2])
        quoted ^= len(parts) % 2 == 0
        containers += _containers(outside)
        commas += outside.count(b",")
        if not _is_light(containers, commas):
            message = f"The body has more than {MOST_CONTAINERS} objects and lists, or {MOST_VALUES} values"
            raise PayloadTooLarge(message)
        await asyncio.sleep(0)


async def _is_light_as_text(body: bytes) -> bool:
    """Whether `body` has few enough brackets and commas, including those in strings."""
    containers = commas = 0
    for start in range(0, len(body), _COUNTED):
        end = start + _COUNTED
        containers += body.count(b"{", start, end) + body.count(b"[", start, end)
        commas += body.count(b",", start, end)
        if not _is_light(containers, commas):
            return False
        if end < len(body):
            await asyncio.sleep(0)
    return True


def _containers(text: bytes) -> int:
    return text.count(b"{") + text.count(b"[")


def _is_light(containers: int, commas: int) -> bool:
    return containers <= MOST_CONTAINERS and containers + commas <= MOST_VALUES


def _pieces(body: bytes) -> Iterator[bytes]:
    """Slices that end outside of an escape sequence."""
    start = 0
    while start < len(body):
        end = min(start + _SLICE, len(body))
        slashes = end - start - len(body[start:end].rstrip(b"\\"))
        end += slashes % 2
        yield body[start:end]
        start = end


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return
    raise _too_deep()


def _children(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _too_deep() -> ValidationFailed:
    return ValidationFailed.of("body", f"must not be nested deeper than {MAX_DEPTH}")


def _place(error: Exception) -> str:
    """`: invalid character (byte 5)`, if the parser reports it."""
    _, found, place = str(error).partition("JSON is malformed: ")
    return f": {place}" if found else ""


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
