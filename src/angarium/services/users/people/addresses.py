"""Validation of addresses, and their stored form."""

from collections.abc import Callable, Mapping

from angarium.contracts.addresses import canonical_email, email_key, endpoint_url, known_timezone, phone_number
from angarium.contracts.errors import Detail, ValidationFailed


def printable_token(value: str) -> str:
    """A push token: visible ASCII, as used by every provider. Raises ValueError."""
    if not value.isascii() or not value.isprintable() or " " in value:
        message = "must be visible ASCII characters"
        raise ValueError(message)
    return value


_FORMS: Mapping[str, Callable[[str], str]] = {
    "email": canonical_email,
    "phone": phone_number,
    "timezone": known_timezone,
    "push_token": printable_token,
    "webhook": endpoint_url,
}


def canonical(values: Mapping[str, str | None]) -> dict[str, str | None]:
    """`values` by field name in their stored form. Raises ValidationFailed, which names all invalid ones."""
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


def key_of_email(text: str) -> str:
    """The look-up key of an email address within a tenant. Invalid addresses also have a key."""
    try:
        return email_key(text)
    except ValueError:
        return text.lower()
