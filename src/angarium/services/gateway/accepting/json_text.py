"""JSON for the record: text that every database can store."""

from typing import Any

import msgspec

from angarium.contracts.errors import ValidationFailed

_NUL_ESCAPE = b"\\u0000"


def json_text(field: str, value: Any) -> str:
    """`value` as JSON text.

    Raises ValidationFailed naming `field` for values that cannot be stored: NUL characters (refused by PostgreSQL's
    JSONB), lone surrogates (not encodable in UTF-8), nesting beyond the interpreter's depth.
    """
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise ValidationFailed.of(field, "must not hold lone surrogates") from None
    except (RecursionError, OverflowError, TypeError, ValueError):
        raise ValidationFailed.of(field, "cannot be kept as JSON") from None
    if _NUL_ESCAPE in encoded and _holds_nul(value):
        raise ValidationFailed.of(field, "must not hold NUL characters")
    return encoded.decode()


def _holds_nul(value: Any) -> bool:
    """Whether a string or key in `value` contains a NUL; an escaped backslash before `u0000` looks the same in JSON."""
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(entry) for key, entry in value.items())
    return isinstance(value, list) and any(_holds_nul(entry) for entry in value)
