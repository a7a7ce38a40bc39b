"""What a JSON body must be before anything else reads it (RFC 8259): no NaN or Infinity, no bottomless nesting."""

from typing import Any

import msgspec

from angarium.contracts.errors import ValidationFailed

MAX_DEPTH = 64


def decode_json(body: bytes) -> Any:
    """`body` decoded. Raises ValidationFailed, field `body`: not strict JSON in UTF-8, or nested deeper than 64.

    Refused are also numbers outside of IEEE 754 doubles and lone surrogates, which no database takes.
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


def check_json(body: bytes) -> None:
    """Raise ValidationFailed as `decode_json` does."""
    decode_json(body)


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
    """`: invalid character (byte 5)`, where the parser says so."""
    _, found, place = str(error).partition("JSON is malformed: ")
    return f": {place}" if found else ""
