"""Voluntary Application Server Identification for Web Push (VAPID, RFC 8292)."""

import base64
from collections import OrderedDict
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from angarium.contracts.addresses import email_address
from angarium.platform.clock import Clock

LIFE = 12 * 3600
"""Seconds for which a token is valid; RFC 8292 §2 allows 24 hours."""
_RENEWED_AFTER = LIFE / 2
MOST_ORIGINS = 1_000
"""Upper bound of cached tokens, since anyone may register an endpoint."""
_PRIVATE = (".localhost", ".invalid", ".local")
"""Non-public domains, which push services refuse in a contact (RFC 6761, RFC 6762)."""


class Vapid:
    """Signs a token per push service with one key, and reuses it for half of its lifetime."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, subject: str, clock: Clock) -> None:
        self._key = key
        self._subject = subject
        self._clock = clock
        self._tokens: OrderedDict[str, tuple[float, str]] = OrderedDict()
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
        """The key for subscriptions (`applicationServerKey`), as base64url."""

    def authorization(self, origin: str) -> str:
        """The `Authorization` header for a push service, by its origin (RFC 8292 §3)."""
        now = self._clock.monotonic()
        made = self._tokens.get(origin)
        if made is None or made[0] <= now:
            made = now + _RENEWED_AFTER, self._signed(origin)
            self._tokens[origin] = made
            self._tokens.move_to_end(origin)
            while len(self._tokens) > MOST_ORIGINS:
                self._tokens.popitem(last=False)
        return f"vapid t={made[1]}, k={self.public}"

    def _signed(self, origin: str) -> str:
        claims = {"aud": origin, "exp": int(self._clock.now().timestamp()) + LIFE, "sub": self._subject}
        return jwt.encode(claims, self._key, algorithm="ES256")


def checked_subject(subject: str | None) -> str:
    """Validate the contact for push services: a `mailto:` or `https:` URL (RFC 8292 §2.1). Raises ValueError."""
    if not subject:
        raise ValueError("needs the parameter subject, such as subject=mailto:you@example.com")
    host = _contact_host(subject)
    if not host:
        raise ValueError("has a subject that is not a mailto: or https: URL")
    if "." not in host or host.endswith(_PRIVATE):
        raise ValueError("has a subject at a name that is not public: push services refuse it")
    if subject.startswith("mailto:"):
        try:
            email_address(subject.removeprefix("mailto:"))
        except ValueError:
            raise ValueError("has a subject that is not an email address") from None
    return subject


def _contact_host(subject: str) -> str:
    scheme, _, rest = subject.partition(":")
    if scheme == "mailto":
        return rest.rpartition("@")[2].lower().rstrip(".")
    try:
        return (urlsplit(subject).hostname or "").rstrip(".") if scheme == "https" else ""
    except ValueError:
        return ""
