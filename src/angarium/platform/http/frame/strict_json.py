"""Strict parsing of JSON bodies (RFC 8259): no NaN or Infinity, bounded nesting."""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec

from angarium.contracts.errors import PayloadTooLarge, ValidationFailed

MAX_DEPTH = 64
WEIGHED_BYTES = 64 * 1024
"""Bytes from which a body's values are counted before decoding, since small values use many times their size in
memory."""
MOST_CONTAINERS = 100_000
MOST_VALUES = 500_000
_SLICE = 128 * 1024
_COUNTED = 1024 * 1024
"""Bytes counted before yielding to other tasks."""


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
