"""What an address must look like, and the one form in which it is kept."""

import re
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from angarium.contracts.errors import Detail, ValidationFailed

_PHONE = re.compile(r"\+[0-9 ().-]+")


def canonical_email(value: str) -> str:
    """The address with its domain in lower case and in Unicode (RFC 5321, 6531; NFC). Raises ValueError.

    No DNS is asked. `.test` (RFC 2606) is allowed.
    """
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None


def canonical_phone(value: str) -> str:
    """The number in E.164 (`+14155550123`); blanks, dots, dashes and brackets are taken out. Raises ValueError."""
    message = "must be a phone number with its country code, such as +14155550123 (E.164)"
    if not _PHONE.fullmatch(value):
        raise ValueError(message)
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        raise ValueError(message) from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError(message)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def known_timezone(value: str) -> str:
    """The name of a zone in the IANA time zone database. Raises ValueError."""
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = "must be an IANA timezone such as Europe/Paris"
        raise ValueError(message) from None


def printable_token(value: str) -> str:
    """A push token: visible ASCII, as every provider makes them. Raises ValueError."""
    if not value.isascii() or not value.isprintable() or " " in value:
        message = "must be visible ASCII characters"
        raise ValueError(message)
    return value


_FORMS: Mapping[str, Callable[[str], str]] = {
    "email": canonical_email,
    "phone": canonical_phone,
    "timezone": known_timezone,
    "push_token": printable_token,
}


def canonical(values: Mapping[str, str | None]) -> dict[str, str | None]:
    """`values` by field name in the form in which they are kept. Raises ValidationFailed, which names all bad ones."""
    kept: dict[str, str | None] = {}
    details = []
    for name, value in values.items():
        try:
            kept[name] = _FORMS[name](value) if value is not None else None
        except ValueError as error:
            details.append(Detail(name, str(error)))
    if details:
        raise ValidationFailed(details=details)
    return kept
