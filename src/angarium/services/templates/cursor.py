"""The opaque word that continues a list of templates."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

from angarium.contracts.errors import ValidationFailed


def encode_cursor(last: str) -> str:
    """The cursor behind the code `last`."""
    return urlsafe_b64encode(last.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The code behind which `cursor` continues. Raises ValidationFailed."""
    try:
        code = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        code = ""
    if not code or not code.isprintable():
        raise ValidationFailed.of("cursor", "is none that this list gave")
    return code
