"""The `Idempotency-Key` header, an alternative to `request_id` in single calls."""

from collections.abc import Mapping
from typing import Any

from angarium.contracts.errors import ValidationFailed

IDEMPOTENCY_HEADER = "Idempotency-Key"
MOST_CHARACTERS = 255
KEY_DESCRIPTION = "The `request_id`, for clients that send it as a header. Where both are given they must be the same."
IDEMPOTENCY_PARAMETER: Mapping[str, Any] = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "required": False,
    "description": KEY_DESCRIPTION,
    "schema": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
}
"""The header in an OpenAPI document."""
IDEMPOTENCY_CONFLICT = "The request_id was used before with another body (`idempotency_conflict`)"
REPLAYED_HEADER = "idempotent-replayed"
_NAME = IDEMPOTENCY_HEADER.lower()


def with_idempotency_key(headers: Mapping[str, str], content: Any) -> Any:
    """Add the header's value to `content` as `request_id`. Raises ValidationFailed as `idempotency_key_of`.

    A body that is not an object, or with a `request_id` that is not text, is not changed and fails validation.
    """
    given = headers.get(_NAME)
    if given is None or not isinstance(content, dict):
        return content
    named = content.get("request_id")
    if named is not None and not isinstance(named, str):
        return content
    return {**content, "request_id": idempotency_key_of(given, named)}


def idempotency_key_of(header: str | None, request_id: str | None) -> str | None:
    """The idempotency key of a call: the header (Latin-1 text, as the server reads it), or `request_id`.

    Raises ValidationFailed for an empty or too long header, or one that differs from `request_id`.
    """
    if header is None:
        return request_id
    key = _decoded(header)
    if not 1 <= len(key) <= MOST_CHARACTERS:
        raise ValidationFailed.of(IDEMPOTENCY_HEADER, f"must have 1 to {MOST_CHARACTERS} characters")
    if request_id is not None and request_id != key:
        raise ValidationFailed.of("request_id", f"differs from the header {IDEMPOTENCY_HEADER}")
    return key


def _decoded(value: str) -> str:
    """Decode a non-ASCII header as UTF-8, which clients use in practice, so that it matches text in the body."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
