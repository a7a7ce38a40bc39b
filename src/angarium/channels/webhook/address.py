"""Whether a URL can be right, before anything is sent to it."""

from collections.abc import Sequence

from angarium.contracts.addresses import endpoint_url
from angarium.contracts.users import Contact
from angarium.delivery.provider import Address, InvalidAddress


def check(url: str) -> str:
    """The form of `url` to send to. Raises InvalidAddress.

    Where it leads is judged when it is connected to, and whether plain http will do.
    """
    try:
        return endpoint_url(url)
    except ValueError as error:
        raise InvalidAddress(f"not a URL for webhooks: {error}") from error


def check_address(address: Address) -> Address:
    """`address` itself, if its value can be right. Raises InvalidAddress."""
    check(address.value)
    return address


def addresses_of(contact: Contact) -> Sequence[Address]:
    """The user's URL for webhooks."""
    return [Address(contact.webhook, contact.name)] if contact.webhook else []
