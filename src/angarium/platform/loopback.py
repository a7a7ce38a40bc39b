"""Checks that a request comes from this machine and not from a foreign web page, for `AUTH=off`."""

import re
from collections.abc import Mapping
from ipaddress import ip_address

_HOST = re.compile(r"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.-]+))(?::[0-9]{1,5})?")
"""RFC 9110 §7.2, limited to forms that browsers send."""
_OWN_SITE = frozenset({"same-origin", "none"})


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or address without a port, is this machine regardless of DNS."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def names_this_machine(host_header: str) -> bool:
    """Whether a Host header names this machine. A name that merely resolves to it does not count (DNS rebinding)."""
    found = _HOST.fullmatch(host_header)
    return found is not None and is_loopback(found["literal"] or found["name"])


def is_foreign_page(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent the request for a page of another origin (Fetch Metadata; RFC 6454 §7).

    Other programs send neither header.
    """
    if headers.get("sec-fetch-site", "none") not in _OWN_SITE:
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()
