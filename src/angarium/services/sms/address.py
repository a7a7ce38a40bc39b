"""Whether a phone number can be right, before anything is sent to it."""

import re

import phonenumbers
from msgspec.structs import replace

from angarium.delivery.provider import Address, InvalidAddress

_SHAPE = re.compile(r"\+[0-9][0-9 ().\-]{2,30}")


def check(address: str) -> str:
    """`address` in E.164 (ITU-T E.164: `+`, country code, at most 15 digits). Raises InvalidAddress.

    Separators that people write are dropped. The number's length must be possible in its country; whether it is
    assigned is not asked, since numbers reserved for tests and fiction are not.
    """
    if not _SHAPE.fullmatch(address):
        raise InvalidAddress("not an international phone number (E.164)")
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException as error:
        raise InvalidAddress("not an international phone number (E.164)") from error
    if not phonenumbers.is_possible_number(number):
        raise InvalidAddress("a phone number of impossible length for its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def check_address(address: Address) -> Address:
    """`address` with its value in E.164. Raises InvalidAddress."""
    return replace(address, value=check(address.value))
