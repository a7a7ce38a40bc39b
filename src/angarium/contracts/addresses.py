"""Validation of addresses: one rule per kind, used at acceptance and before a send.

Every function raises ValueError, whose message never contains the address.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from unicodedata import normalize
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from email_validator import EmailNotValidError, ValidatedEmail, validate_email

_PRIVATE_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?:localhost|local)", re.IGNORECASE)
_PUBLIC_DOMAIN = "example.com"
_PLAIN = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9]+\.)+"
    r"(?!(?:alt|arpa|example|internal|invalid|local|localhost|onion|test)$)[a-z]{2,63}"
)
"""Addresses that the library returns unchanged. Matching takes a microsecond; a property test checks that both
agree."""
_PLAIN_LENGTH = 64
_PHONE = re.compile(r"\+[0-9][0-9 ().\-]{2,30}")
_LOCALHOST = "127.0.0.1"
_NO_ZONES = frozenset(("Factory", "localtime", "posixrules"))
"""Files beside the zones in a system's database: a placeholder, and settings of the machine."""
_OTHER_COUNTS = ("posix/", "right/")
"""Folders with the zones again, without and with leap seconds."""
_FIRST_VISIBLE, _LAST_VISIBLE = "!", "~"
URL_LENGTH = 2048
"""Maximum characters of a URL."""
Network = IPv4Network | IPv6Network
_NOT_A_PHONE = "must be a phone number with its country code, such as +14155550123 (E.164)"


def email_address(value: str) -> str:
    """Validate an email address and return the form to send to.

    Checks the syntax only (RFC 5321, 5322, 6531), without DNS. The domain is returned in ASCII (RFC 5891) if the local
    part is ASCII too, so that only an international local part needs SMTPUTF8. Quoted local parts, address literals,
    single-label domains and display names are refused. Of the special-use domains, `.test` (RFC 6761), `localhost` and
    `.local` are allowed, because self-hosted systems use them.
    """
    if _PLAIN.fullmatch(value) and len(value) <= _PLAIN_LENGTH:
        return value
    return email_address_in_full(value)


def email_address_in_full(value: str) -> str:
    """As `email_address`, without the fast path."""
    local, domain = _private(value)
    if domain is not None:
        return f"{_sent_as(_validated(local)).removesuffix(_PUBLIC_DOMAIN)}{domain}"
    return _sent_as(_validated(value))


def canonical_email(value: str) -> str:
    """Return an email address in the form to store: its domain in lower case and Unicode (RFC 5321, 6531; NFC)."""
    local, domain = _private(value)
    if domain is not None:
        return f"{_validated(local).normalized.removesuffix(_PUBLIC_DOMAIN)}{domain}"
    return _validated(value).normalized


def ascii_domain(domain: str) -> str:
    """The domain of an email address as looked up in DNS (RFC 5891): `straße` is not `strasse`."""
    return domain if domain.isascii() else _validated(f"a@{domain}").ascii_domain


def email_key(value: str) -> str:
    """A key that is equal for two addresses if and only if they are the same mailbox.

    The local part is in lower case, not case-folded, which would merge the mailboxes `straße` and `strasse`, and
    normalized again, since lowercasing can compose characters (NFC). The domain is in ASCII (RFC 5891).
    """
    if _PLAIN.fullmatch(value):
        return value
    whole, private = _private(value)
    address = _validated(whole)
    return f"{normalize('NFC', address.local_part.lower())}@{private or address.ascii_domain.lower()}"


def phone_number(value: str) -> str:
    """Return a phone number in E.164 (ITU-T E.164: `+`, country code, at most 15 digits).

    Common separators are dropped. The number's length must be possible in its country. It need not be assigned, since
    numbers reserved for tests and fiction are not.
    """
    if not _PHONE.fullmatch(value):
        raise ValueError(_NOT_A_PHONE)
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        raise ValueError(_NOT_A_PHONE) from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError(_NOT_A_PHONE)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def endpoint_url(value: str, allowed: Sequence[Network] | None = None) -> str:
    """Validate a URL that Angarium posts to: https, or plain http if `allowed` permits it.

    A plain http URL with an IP address must be inside an allowed range. One with a host name is checked at connection
    time, and refused here if no range is allowed. `allowed=None`: plain http is checked elsewhere.
    """
    parts = _split_url(value)
    if parts.scheme == "https":
        return value
    plain = parts.scheme == "http" and (allowed is None or _may_be_plain(parts.hostname or "", allowed))
    if not plain:
        message = "must be an https URL"
        raise ValueError(message)
    return value


def known_timezone(value: str) -> str:
    """Validate a time zone name of the IANA database."""
    message = "must be an IANA timezone such as Europe/Paris"
    if value in _NO_ZONES or value.startswith(_OTHER_COUNTS):
        raise ValueError(message)
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(message) from None


def _split_url(value: str) -> SplitResult:
    fault = None
    if len(value) > URL_LENGTH:
        fault = f"must be at most {URL_LENGTH} characters"
    elif any(not _FIRST_VISIBLE <= character <= _LAST_VISIBLE for character in value):
        fault = "must be a URL of visible ASCII characters"
    if fault is not None:
        raise ValueError(fault)
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        message = "must be a URL"
        raise ValueError(message) from None
    if not parts.hostname:
        message = "must be a URL with a host"
        raise ValueError(message)
    if parts.username is not None or parts.password is not None:
        message = "must not hold credentials"
        raise ValueError(message)
    return parts


def _may_be_plain(host: str, allowed: Sequence[Network]) -> bool:
    try:
        address = ip_address(_LOCALHOST if host == "localhost" else host)
    except ValueError:
        return bool(allowed)
    return any(address in network for network in allowed)


def _private(value: str) -> tuple[str, str | None]:
    """Replace a private domain of `value` by a public one. Also returns the original domain if it was private."""
    local, _, domain = value.rpartition("@")
    if _PRIVATE_DOMAIN.fullmatch(domain):
        return f"{local}@{_PUBLIC_DOMAIN}", domain.lower()
    return value, None


def _sent_as(address: ValidatedEmail) -> str:
    return address.ascii_email or address.normalized


def _validated(value: str) -> ValidatedEmail:
    try:
        return validate_email(value, strict=True, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"is not an email address: {error}") from None
