"""Where status callbacks may go, as far as the URL alone can say.

Addresses behind names are judged when the callback connects; here only what no resolution could make right.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from angarium.contracts.errors import ValidationFailed

Network = IPv4Network | IPv6Network
_LOCALHOST = "127.0.0.1"
_FIRST_VISIBLE, _LAST_VISIBLE = "!", "~"


def check_callback_url(url: str, allowed: Sequence[Network]) -> None:
    """Raise ValidationFailed unless `url` is https, or http where `allowed` ranges make it possible.

    An http URL with an address must lie inside a range; one with a name is judged at connect time, and refused
    here when no range is allowed at all.
    """
    parts = _split(url)
    if parts.scheme == "https":
        return
    if parts.scheme != "http" or not _may_be_plain(parts.hostname or "", allowed):
        raise ValidationFailed.of("callback_url", "must be an https URL")


def _split(url: str) -> SplitResult:
    if any(not _FIRST_VISIBLE <= character <= _LAST_VISIBLE for character in url):
        raise ValidationFailed.of("callback_url", "must be a URL of visible ASCII characters")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValidationFailed.of("callback_url", "must be a URL") from None
    if not parts.hostname:
        raise ValidationFailed.of("callback_url", "must be a URL with a host")
    if parts.username is not None or parts.password is not None:
        raise ValidationFailed.of("callback_url", "must not hold credentials")
    return parts


def _may_be_plain(host: str, allowed: Sequence[Network]) -> bool:
    try:
        address = ip_address(_LOCALHOST if host == "localhost" else host)
    except ValueError:
        return bool(allowed)
    return any(address in network for network in allowed)
