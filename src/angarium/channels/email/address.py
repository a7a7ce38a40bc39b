"""Validation of email addresses before a send."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from angarium.contracts.addresses import email_address
from angarium.contracts.header_text import header_text
from angarium.contracts.users import Contact
from angarium.delivery.provider import Address, InvalidAddress


def check(address: str, rule: Callable[[str], str] = email_address) -> str:
    """Validate `address` and return the form to send to. Raises InvalidAddress."""
    try:
        return rule(address)
    except ValueError as error:
        raise InvalidAddress("not an email address") from error


def check_address(address: Address, rule: Callable[[str], str] = email_address) -> Address:
    """`address` with a value in the form to send to and a name that is safe in a header. Raises InvalidAddress."""
    checked = check(address.value, rule)
    name = header_text(address.name) if address.name else None
    unchanged = checked == address.value and name == address.name
    return address if unchanged else replace(address, value=checked, name=name or None)


def addresses_of(contact: Contact) -> Sequence[Address]:
    """The user's email address, if any."""
    return [Address(contact.email, contact.name)] if contact.email else []
