"""Validation of URLs before a send."""

from collections.abc import Sequence

from angarium.contracts.addresses import endpoint_url
from angarium.contracts.users import Contact
from angarium.delivery.provider import Address, InvalidAddress


def check(url: str) -> str:
    """Validate `url` and return the form to send to. Raises InvalidAddress.

    Its addresses, and whether plain http is permitted, are checked at connection time.
    """
    try:
        return endpoint_url(url)
    except ValueError as error:
        raise InvalidAddress(f"not a URL for webhooks: {error}") from error


def check_address(address: Address) -> Address:
    """Return `address` if its value is valid. Raises InvalidAddress."""
    check(address.value)
    return address


def addresses_of(contact: Contact) -> Sequence[Address]:
    """The user's URL for webhooks."""
    return [Address(contact.webhook, contact.name)] if contact.webhook else []
