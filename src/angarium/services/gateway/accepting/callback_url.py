"""Validation of callback URLs, without name resolution.

Resolved addresses are checked when the callback connects; here only URLs are refused that can never be valid.
"""

from collections.abc import Sequence

from angarium.contracts.addresses import Network, endpoint_url
from angarium.contracts.errors import ValidationFailed

__all__ = ["Network", "check_callback_url"]


def check_callback_url(url: str, allowed: Sequence[Network]) -> None:
    """Raise ValidationFailed unless `url` is https, or http that `allowed` ranges permit."""
    try:
        endpoint_url(url, allowed)
    except ValueError as error:
        raise ValidationFailed.of("callback_url", str(error)) from None
