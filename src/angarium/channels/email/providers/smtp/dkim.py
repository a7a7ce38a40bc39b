"""DKIM signatures (RFC 6376) with dkimpy, for relays that do not sign.

`dkim_key=/path.pem&dkim_selector=s1&dkim_domain=example.com`; the default of `dkim_domain` is that of `EMAIL_FROM`. The
key must be RSA. A signature costs about 10 ms of CPU, since dkimpy computes it in Python.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from angarium.channels.email.headers import UnsafeMessage
from angarium.channels.email.message import BuildMessage, Sender
from angarium.contracts.addresses import ascii_domain
from angarium.delivery.provider import Outbound
from angarium.platform.settings.values import ProviderUrl

OPTIONS = frozenset({"dkim_key", "dkim_selector", "dkim_domain"})
_FEWEST_BITS = 1024
"""RFC 8301 §3.2: verifiers refuse shorter keys."""
_SIGNED = (
    *(b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"in-reply-to", b"references"),
    *(b"mime-version", b"content-type", b"content-transfer-encoding", b"x-notification-id"),
    # RFC 8058 §4: both must be covered, or receivers offer no unsubscription by one click.
    *(b"list-id", b"list-unsubscribe", b"list-unsubscribe-post"),
)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
_RELAXED = (b"relaxed", b"relaxed")


class Sign(Protocol):
    """Signs mails."""

    def __call__(self, mail: bytes) -> bytes:
        """Prepend the signature to `mail`."""
        ...


def signer_of(url: ProviderUrl, sender: Sender) -> Sign | None:
    """The signer configured in `url`; None if there is none. Raises ValueError, which never shows the URL."""
    given = OPTIONS & url.options.keys()
    if not given:
        return None
    for name in ("dkim_key", "dkim_selector"):
        if not url.options.get(name):
            raise ValueError(f"{min(given)} needs {name} too")
    domain = url.options.get("dkim_domain", sender.domain)
    return _signer(_read(url.options["dkim_key"]), _name(url.options["dkim_selector"], "dkim_selector"), _name(domain))


def signing(build: BuildMessage, sign: Sign) -> BuildMessage:
    """Wrap `build` to sign each mail."""

    def build_signed(outbound: Outbound, *, sender: Sender, date: datetime) -> bytes:
        return sign(build(outbound, sender=sender, date=date))

    return build_signed


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        raise ValueError("dkim_key must be a readable file (PEM)") from None


def _name(text: str, name: str = "dkim_domain") -> bytes:
    try:
        ascii_form = ascii_domain(text)
    except ValueError:
        ascii_form = ""
    if not _NAME.fullmatch(ascii_form):
        raise ValueError(f"{name} must be a domain name")
    return ascii_form.encode()


def _signer(key: bytes, selector: bytes, domain: bytes) -> Sign:
    """Raises ValueError if the key is invalid or dkimpy is not installed."""
    try:
        import dkim  # noqa: PLC0415 - an extra
    except ImportError:
        raise ValueError("needs dkimpy: pip install 'angarium[dkim]'") from None

    def sign(mail: bytes) -> bytes:
        signature: Any = dkim.DKIM(mail, minkey=_FEWEST_BITS, linesep=b"\r\n")
        present = {name.lower() for name, _ in signature.headers}
        # From and Subject are listed once more than they occur, so that adding one breaks the signature (§8.15).
        names = [name for name in _SIGNED if name in present] + [b"from", b"subject"]
        try:
            line: bytes = signature.sign(selector, domain, key, canonicalize=_RELAXED, include_headers=names)
        except dkim.DKIMException as error:
            raise UnsafeMessage(f"the mail cannot be signed ({type(error).__name__})") from error
        return line + mail

    try:
        sign(b"From: a@example.com\r\n\r\n")
    except UnsafeMessage:
        raise ValueError("dkim_key must be an RSA private key of at least 1024 bits (PEM)") from None
    return sign
