"""Addresses that requests to client-supplied URLs may reach (server-side request forgery, OWASP A10:2021).

Uses an explicit list, since `ipaddress.is_global` permits addresses that lead inside, such as NAT64 and 6to4.
Sources: the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its updates).
"""

from collections.abc import Collection, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DENIED: Sequence[Network] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network; reaches the host itself
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; 100.100.100.200 is a cloud's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host agent, on a public address
        "169.254.0.0/16",  # link-local; 169.254.169.254 is most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # IPv6: everything except global unicast 2000::/3, and its ranges that embed IPv4 addresses or are special.
        "::/3",  # loopback, IPv4-mapped, NAT64 (64:ff9b::/96), discard
        "4000::/2",
        "8000::/1",  # unique local (fc00::/7), link-local, multicast
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)


class AddressRefused(Exception):
    """The host resolves to an address that is not public"""


def permitted(host: str, found: Iterable[str], allowed: Collection[Network], *, plain: bool) -> Sequence[Address]:
    """The addresses of `host` that a request may reach. Raises AddressRefused.

    `allowed` ranges are exempt from the list; with `plain` (http), only they are permitted. One refused address refuses
    the host, so that mixing public and private addresses does not help. `localhost`, which has two addresses, is
    permitted with those that pass.
    """
    addresses = [_address(text) for text in found]
    good = [address for address in addresses if _is_good(address, allowed, plain=plain)]
    if not good or (len(good) < len(addresses) and host.lower().rstrip(".") != "localhost"):
        raise AddressRefused
    return good


def _address(text: str) -> Address:
    return ip_address(text.partition("%")[0])


def _is_good(address: Address, allowed: Collection[Network], *, plain: bool) -> bool:
    if any(address in network for network in allowed):
        return True
    return not plain and not any(address in network for network in DENIED)
