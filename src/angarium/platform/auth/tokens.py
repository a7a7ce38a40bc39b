"""JSON Web Tokens of other issuers (RFC 7519, RFC 8725): one pinned algorithm for each configured key."""

import re
from collections.abc import Mapping
from typing import Any

import httpx2
import jwt

from angarium.contracts.errors import Unauthorized
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.claims import LEEWAY, NOT_GOOD, Expected, caller_of, checked_claims, require
from angarium.platform.auth.key_set import KeySet
from angarium.platform.auth.public_keys import PinnedKey, pinned_pem
from angarium.platform.clock import Clock
from angarium.platform.settings.groups import AuthSettings
from angarium.platform.settings.sources import wrong

__all__ = ["LEEWAY", "MIN_SECRET_BYTES", "TokenVerifier"]

MIN_SECRET_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_.=-]{1,128}")


class TokenVerifier:
    """Verifies bearer tokens with the configured keys; `enabled` is False if there are none.

    Each key has exactly one algorithm, so a token cannot choose how it is verified (RFC 8725 §3.1). A token that names
    a key id is verified with the issuer's published keys if JWT_JWKS_URL is set. Raises SettingsError for a key that is
    too weak or of an unknown kind, or without an audience and issuer. `transport` replaces the network.
    """

    def __init__(
        self, settings: AuthSettings, clock: Clock, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._clock = clock
        self._expected = Expected(settings.jwt_audience, settings.jwt_issuer)
        url = settings.jwt_jwks_url
        self._published = KeySet(url, clock, transport) if url is not None else None
        keys: list[PinnedKey] = []
        if settings.jwt_secret is not None:
            keys.append(_secret(settings.jwt_secret.get_secret_value()))
        if settings.jwt_public_key is not None:
            keys.append(_pinned(settings.jwt_public_key))
        self._keys = {key.algorithm: key for key in keys}
        self._require_names()

    @property
    def enabled(self) -> bool:
        """Whether any token can be valid."""
        return bool(self._keys) or self._published is not None

    async def verify(self, token: str) -> Caller:
        """Return the caller of `token`.

        Raises Unauthorized, without saying what was wrong; ServiceUnavailable while the issuer's keys are not known.
        """
        try:
            pinned = await self._key(jwt.get_unverified_header(token))
            return caller_of(checked_claims(token, pinned, self._expected, self._clock))
        except NOT_GOOD:
            raise Unauthorized from None

    def _require_names(self) -> None:
        for field, value in (("jwt_audience", self._expected.audience), ("jwt_issuer", self._expected.issuer)):
            if self.enabled and not value:
                raise wrong(field, "required with a JWT key")

    async def _key(self, header: Mapping[str, Any]) -> PinnedKey:
        """The configured key that the token's header names, if its algorithm matches."""
        key_id, algorithm = header.get("kid"), str(header["alg"])
        require("crit" not in header)
        require(key_id is None or _KEY_ID.fullmatch(str(key_id)) is not None)
        found = await self._published.find(str(key_id)) if self._published is not None and key_id is not None else None
        pinned = found or self._keys[algorithm]
        require(pinned.algorithm == algorithm)
        return pinned


def _secret(secret: str) -> PinnedKey:
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise wrong("jwt_secret", f"must have at least {MIN_SECRET_BYTES} bytes (RFC 7518 §3.2)")
    return PinnedKey("HS256", secret.encode())


def _pinned(pem: str) -> PinnedKey:
    try:
        return pinned_pem(pem)
    except ValueError as error:
        raise wrong("jwt_public_key", str(error)) from None
