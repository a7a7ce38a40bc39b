"""JSON Web Tokens (RFC 7519, RFC 8725): one pinned algorithm for each configured key."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.types import Options

from angarium.contracts.errors import Unauthorized
from angarium.contracts.scopes import known_scopes
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.clock import Clock
from angarium.platform.settings_base import wrong
from angarium.platform.settings_groups import AuthSettings

LEEWAY = timedelta(seconds=30)
MIN_SECRET_BYTES = 32
MIN_RSA_BITS = 2048
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

    Each key has exactly one algorithm, so a token cannot choose how it is checked (RFC 8725 §3.1). Raises
    SettingsError for a key that is too weak or of an unknown kind, or without an audience and issuer.
    """

    def __init__(self, settings: AuthSettings, clock: Clock) -> None:
        self._clock = clock
        self._audience = settings.jwt_audience
        self._issuer = settings.jwt_issuer
        self._keys: dict[str, Any] = {}
        if settings.jwt_jwks_url is not None:
            raise wrong("jwt_jwks_url", "is not supported yet; use ANGARIUM_JWT_PUBLIC_KEY")
        if settings.jwt_secret is not None:
            self._keys["HS256"] = _secret(settings.jwt_secret.get_secret_value())
        if settings.jwt_public_key is not None:
            algorithm, key = _public_key(settings.jwt_public_key)
            self._keys[algorithm] = key
        self._require_names()

    @property
    def enabled(self) -> bool:
        """Whether any token can be good."""
        return bool(self._keys)

    async def verify(self, token: str) -> Caller:
        """The caller behind `token`. Raises Unauthorized, without saying what was wrong."""
        try:
            claims = self._claims(token)
            self._check_times(claims)
            return _caller(claims)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
            raise Unauthorized from None

    def _require_names(self) -> None:
        for field, value in (("jwt_audience", self._audience), ("jwt_issuer", self._issuer)):
            if self._keys and not value:
                raise wrong(field, "required with a JWT key")

    def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        algorithm = str(header["alg"])
        _require("crit" not in header)
        _require(_KEY_ID.fullmatch(str(header.get("kid", "none"))) is not None)
        claims: dict[str, Any] = jwt.decode(
            token, self._keys[algorithm], algorithms=[algorithm], audience=self._audience, options=_OPTIONS
        )
        _require(claims["iss"] == self._issuer)
        return claims

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


def _secret(secret: str) -> bytes:
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise wrong("jwt_secret", f"must have at least {MIN_SECRET_BYTES} bytes (RFC 7518 §3.2)")
    return secret.encode()


def _public_key(pem: str) -> tuple[str, Any]:
    """The one algorithm of a PEM key, with the key; line breaks may be written as backslash and n."""
    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except ValueError:
        raise wrong("jwt_public_key", "must be a public key in PEM form") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return "RS256", key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "ES256", key
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return "EdDSA", key
    raise wrong("jwt_public_key", f"must be an RSA key of {MIN_RSA_BITS} bits or more, a P-256 or an Ed25519 key")
