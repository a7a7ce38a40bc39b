"""Where status callbacks may go, as far as the URL alone can say.

Addresses behind names are judged when the callback connects; here only what no resolution could make right.
"""

from collections.abc import Sequence

from angarium.contracts.addresses import Network, endpoint_url
from angarium.contracts.errors import ValidationFailed

__all__ = ["Network", "check_callback_url"]


def check_callback_url(url: str, allowed: Sequence[Network]) -> None:
    """Raise ValidationFailed unless `url` is https, or http where `allowed` ranges make it possible."""
    try:
        endpoint_url(url, allowed)
    except ValueError as error:
        raise ValidationFailed.of("callback_url", str(error)) from None
