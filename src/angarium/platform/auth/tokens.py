"""JSON Web Tokens (RFC 7519, RFC 8725): one pinned algorithm for each configured key."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2
import jwt
from jwt.types import Options

from angarium.contracts.errors import Unauthorized
from angarium.contracts.scopes import known_scopes
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.key_set import KeySet
from angarium.platform.auth.public_keys import PinnedKey, pinned_pem
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.clock import Clock
from angarium.platform.settings_base import wrong
from angarium.platform.settings_groups import AuthSettings

LEEWAY = timedelta(seconds=30)
MIN_SECRET_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_.=-]{1,128}")
_OPTIONS: Options = {
    "require": ["exp", "aud", "iss", "sub"],
    # times and issuer are checked here: by the injected clock, and exactly
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_iss": False,
}


class TokenVerifier:
    """Verifies bearer tokens by the keys of the settings; `enabled` says whether there is one.

    Each key has exactly one algorithm, so a token cannot choose how it is checked (RFC 8725 §3.1). A token that names
    a key id is checked by the issuer's published keys, where JWT_JWKS_URL is set. Raises SettingsError for a key that
    is too weak or of an unknown kind, or without an audience and issuer. `transport` replaces the network.
    """

    def __init__(
        self, settings: AuthSettings, clock: Clock, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._clock = clock
        self._audience = settings.jwt_audience
        self._issuer = settings.jwt_issuer
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
        """Whether any token can be good."""
        return bool(self._keys) or self._published is not None

    async def verify(self, token: str) -> Caller:
        """The caller behind `token`.

        Raises Unauthorized, without saying what was wrong; ServiceUnavailable while the issuer's keys are not known.
        """
        try:
            claims = await self._claims(token)
            self._check_times(claims)
            return _caller(claims)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
            raise Unauthorized from None

    def _require_names(self) -> None:
        for field, value in (("jwt_audience", self._audience), ("jwt_issuer", self._issuer)):
            if self.enabled and not value:
                raise wrong(field, "required with a JWT key")

    async def _claims(self, token: str) -> dict[str, Any]:
        pinned = await self._key(jwt.get_unverified_header(token))
        claims: dict[str, Any] = jwt.decode(
            token, pinned.key, algorithms=[pinned.algorithm], audience=self._audience, options=_OPTIONS
        )
        _require(claims["iss"] == self._issuer)
        return claims

    async def _key(self, header: Mapping[str, Any]) -> PinnedKey:
        """The key that the token's header asks for, if it is ours and of that algorithm."""
        key_id, algorithm = header.get("kid"), str(header["alg"])
        _require("crit" not in header)
        _require(key_id is None or _KEY_ID.fullmatch(str(key_id)) is not None)
        found = await self._published.find(str(key_id)) if self._published is not None and key_id is not None else None
        pinned = found or self._keys[algorithm]
        _require(pinned.algorithm == algorithm)
        return pinned

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        """`exp`, `nbf` and `iat` (RFC 7519 §4.1) by the injected clock, with leeway."""
        now, leeway = self._clock.now().timestamp(), LEEWAY.total_seconds()
        _require(now < _number(claims["exp"]) + leeway)
        for name in ("iat", "nbf"):
            _require(name not in claims or _number(claims[name]) <= now + leeway)


def _require(good: bool) -> None:
    if not good:
        message = "the token is not good"
        raise ValueError(message)


def _number(value: object) -> float:
    _require(isinstance(value, int | float) and not isinstance(value, bool))
    return float(str(value))


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject, scope, tenant = claims["sub"], claims.get("scope", ""), claims.get("tenant", DEFAULT_TENANT)
    _require(isinstance(subject, str) and bool(subject))
    _require(isinstance(scope, str))
    _require(isinstance(tenant, str) and bool(tenant))
    return Caller(tenant=tenant, name=subject, scopes=known_scopes(scope.split()))


def _secret(secret: str) -> PinnedKey:
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise wrong("jwt_secret", f"must have at least {MIN_SECRET_BYTES} bytes (RFC 7518 §3.2)")
    return PinnedKey("HS256", secret.encode())


def _pinned(pem: str) -> PinnedKey:
    try:
        return pinned_pem(pem)
    except ValueError as error:
        raise wrong("jwt_public_key", str(error)) from None
