"""Tokens in the links with which recipients change their preferences without signing in.

A token is signed (HMAC-SHA256, RFC 2104) and holds no personal data: only the user's id, the channel and the category.
Its holder may see and change these preferences and nothing else.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date
from typing import Protocol
from uuid import UUID

import msgspec
from pydantic import SecretStr

from angarium.contracts.statuses import Channel
from angarium.platform.clock import Clock

LIFE_DAYS = 400
"""Recipients may unsubscribe with a mail that is more than a year old."""
PAGE_PATH = "/preferences"
UNSUBSCRIBE_PATH = "/unsubscribe"
_PURPOSE = b"angarium preference links 1"
_SIGNATURE_BYTES = 20
_ENCODER = msgspec.msgpack.Encoder()
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class PreferenceLink(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The content of a token. `expires`: days since 1970; no category: the whole channel."""

    tenant: str
    user_id: UUID
    channel: Channel
    category: str | None
    expires: int


class _SecretSettings(Protocol):
    @property
    def link_secret(self) -> SecretStr | None: ...


def links_of(settings: _SecretSettings, service_token: str | None, clock: Clock) -> "PreferenceLinks | None":
    """Links signed with `link_secret`, or with a key derived from the service token; None if there is neither."""
    secret = settings.link_secret.get_secret_value() if settings.link_secret is not None else service_token
    return None if secret is None else PreferenceLinks(secret, clock)


class PreferenceLinks:
    """Creates and verifies tokens with one secret."""

    def __init__(self, secret: str, clock: Clock) -> None:
        key = hmac.digest(secret.encode(), _PURPOSE, "sha256")
        self._keyed = hmac.new(key, digestmod="sha256")  # copied for each token, since keying costs more than signing
        self._clock = clock

    def token(self, tenant: str, user_id: UUID | str, channel: Channel, category: str | None) -> str:
        """Create a token, valid for 400 days. Equal arguments give the same token on the same day.

        A mail has one, so it is encoded from `user_id` as it is in the record; a string must be a UUID.
        """
        content = _ENCODER.encode((tenant, user_id, channel, category, self._today() + LIFE_DAYS))
        return urlsafe_b64encode(self._signature(content) + content).decode().rstrip("=")

    def read(self, token: str) -> PreferenceLink | None:
        """Verify a token and return its content; None if it is invalid or expired."""
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        signature, content = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(content)):
            return None
        link = msgspec.msgpack.decode(content, type=PreferenceLink)
        return link if link.expires >= self._today() else None

    def _signature(self, content: bytes) -> bytes:
        signed = self._keyed.copy()
        signed.update(content)
        return signed.digest()[:_SIGNATURE_BYTES]

    def _today(self) -> int:
        return self._clock.now().toordinal() - _EPOCH_DAY
