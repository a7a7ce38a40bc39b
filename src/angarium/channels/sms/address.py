"""Validation of phone numbers before a send."""

from collections.abc import Sequence

from msgspec.structs import replace

from angarium.contracts.addresses import phone_number
from angarium.contracts.users import Contact
from angarium.delivery.provider import Address, InvalidAddress


def check(address: str) -> str:
    """Return `address` in E.164. Raises InvalidAddress."""
    try:
        return phone_number(address)
    except ValueError as error:
        raise InvalidAddress("not an international phone number (E.164)") from error


def check_address(address: Address) -> Address:
    """`address` with its value in E.164. Raises InvalidAddress."""
    return replace(address, value=check(address.value))


def addresses_of(contact: Contact) -> Sequence[Address]:
    """The user's phone number, if any."""
    return [Address(contact.phone, contact.name)] if contact.phone else []
