"""Opaque cursors: the place in a list after which the next page begins, as URL-safe base64 without padding."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import TypeVar

from angarium.contracts.errors import ValidationFailed

PlaceT = TypeVar("PlaceT")


def encode_cursor(place: bytes) -> str:
    """The cursor for a place."""
    return urlsafe_b64encode(place).decode().rstrip("=")


def decode_cursor(cursor: str, read: Callable[[bytes], PlaceT]) -> PlaceT:
    """The place of a cursor that a client sends back, with or without padding.

    `read` makes it from the bytes and raises ValueError for what is not a place. Raises ValidationFailed.
    """
    try:
        return read(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, OverflowError) as error:
        raise ValidationFailed.of("cursor", "is not a valid cursor") from error
