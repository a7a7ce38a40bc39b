"""Whether an email address can be right, before anything is sent to it."""

from msgspec.structs import replace

from angarium.contracts.addresses import email_address
from angarium.delivery.provider import Address, InvalidAddress


def check(address: str) -> str:
    """The form of `address` to send to. Raises InvalidAddress."""
    try:
        return email_address(address)
    except ValueError as error:
        raise InvalidAddress("not an email address") from error


def check_address(address: Address) -> Address:
    """`address` with its value in the form to send to. Raises InvalidAddress."""
    checked = check(address.value)
    return address if checked == address.value else replace(address, value=checked)
