"""Whether an email address can be right, before anything is sent to it."""

import re

import msgspec
from email_validator import EmailNotValidError, validate_email

from angarium.delivery.provider import Address, InvalidAddress

_PRIVATE_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?:localhost|local)", re.IGNORECASE)
_PUBLIC_DOMAIN = "example.com"
_PLAIN = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9]+\.)+"
    r"(?!(?:alt|arpa|example|internal|invalid|local|localhost|onion|test)$)[a-z]{2,63}"
)
"""What the library would pass unchanged, told in a microsecond: a property test holds the two together."""
_PLAIN_LENGTH = 64


def check(address: str) -> str:
    """The form of `address` to send to. Raises InvalidAddress.

    Syntax only (RFC 5321, 5322, 6531): no DNS is asked. The domain comes back in ASCII (RFC 5891) where the local
    part is ASCII too, so that only a truly international local part needs SMTPUTF8. Quoted local parts, address
    literals, domains of one label and names beside the address are refused. Of the special-use domains, `.test`
    (RFC 6761), `localhost` and `.local` are allowed: they are where a self-hosted system is tried and used.
    """
    if _PLAIN.fullmatch(address) and len(address) <= _PLAIN_LENGTH:
        return address
    local, _, domain = address.rpartition("@")
    if _PRIVATE_DOMAIN.fullmatch(domain):
        return f"{_validated(f'{local}@{_PUBLIC_DOMAIN}').removesuffix(_PUBLIC_DOMAIN)}{domain.lower()}"
    return _validated(address)


def check_address(address: Address) -> Address:
    """`address` with its value in the form to send to. Raises InvalidAddress."""
    checked = check(address.value)
    return address if checked == address.value else msgspec.structs.replace(address, value=checked)


def _validated(address: str) -> str:
    try:
        result = validate_email(address, strict=True, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise InvalidAddress("not an email address") from error
    return result.ascii_email or result.normalized
