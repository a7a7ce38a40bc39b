"""Opaque cursors: the position after which the next page begins, as URL-safe base64 without padding."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import TypeVar

from angarium.contracts.errors import ValidationFailed

PlaceT = TypeVar("PlaceT")


def encode_cursor(place: bytes) -> str:
    """Encode a position."""
    return urlsafe_b64encode(place).decode().rstrip("=")


def decode_cursor(cursor: str, read: Callable[[bytes], PlaceT]) -> PlaceT:
    """Decode a cursor sent by a client, with or without padding.

    `read` parses the bytes and raises ValueError if they are not a position. Raises ValidationFailed.
    """
    try:
        return read(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, OverflowError) as error:
        raise ValidationFailed.of("cursor", "is not a valid cursor") from error
