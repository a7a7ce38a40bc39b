"""What an address must look like, and the one form in which it is kept."""

from collections.abc import Callable, Mapping

from angarium.contracts.addresses import canonical_email, email_key, endpoint_url, known_timezone, phone_number
from angarium.contracts.errors import Detail, ValidationFailed


def printable_token(value: str) -> str:
    """A push token: visible ASCII, as every provider makes them. Raises ValueError."""
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


def key_of_email(text: str) -> str:
    """By what a user is found by email within a tenant. Text that is no address has a key, too."""
    try:
        return email_key(text)
    except ValueError:
        return text.lower()
