"""The opaque word that continues a list."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from angarium.contracts.errors import ValidationFailed


def encode_cursor(last: UUID) -> str:
    """The cursor behind the person `last`."""
    return urlsafe_b64encode(last.bytes).decode().rstrip("=")


def decode_cursor(cursor: str) -> UUID:
    """The person behind whom `cursor` continues. Raises ValidationFailed."""
    try:
        return UUID(bytes=urlsafe_b64decode(cursor + "=="))
    except ValueError:
        raise ValidationFailed.of("cursor", "is none that this list gave") from None
