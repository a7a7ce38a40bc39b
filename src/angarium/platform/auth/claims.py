"""Checks of a token's claims (RFC 7519 §4.1, RFC 8725), and the caller that they name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Any

import jwt
from jwt.types import Options

from angarium.contracts.scopes import known_scopes
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.public_keys import PinnedKey
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.clock import Clock

LEEWAY = timedelta(seconds=30)
LONGEST_NAME = 255
NOT_GOOD = (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError)
"""Exceptions raised while reading an invalid token."""
_OPTIONS: Options = {
    "require": ["exp", "aud", "iss", "sub"],
    # times and issuer are checked here: by the injected clock, and exactly
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_iss": False,
}


@dataclass(frozen=True, slots=True)
class Expected:
    """The audience and issuer that a token must name."""

    audience: str | None
    issuer: str | None


def checked_claims(token: str, pinned: PinnedKey, expected: Expected, clock: Clock) -> dict[str, Any]:
    """Verify a token with `pinned` and return its claims, if it is valid now. Raises one of NOT_GOOD."""
    claims: dict[str, Any] = jwt.decode(
        token, pinned.key, algorithms=[pinned.algorithm], audience=expected.audience, options=_OPTIONS
    )
    require(claims["iss"] == expected.issuer)
    _check_times(claims, clock)
    return claims


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """The caller that `sub`, `scope` and `tenant` name. Raises one of NOT_GOOD."""
    subject, scope, tenant = claims["sub"], claims.get("scope", ""), claims.get("tenant", DEFAULT_TENANT)
    require(isinstance(scope, str))
    require(_is_name(subject) and _is_name(tenant))
    return Caller(tenant=tenant, name=subject, scopes=known_scopes(scope.split()), kind="token")


def _is_name(value: object) -> bool:
    """Whether it is one line of text that every database can store."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()


def require(good: bool) -> None:
    """Raise ValueError, without a message, unless `good`."""
    if not good:
        message = "the token is not good"
        raise ValueError(message)


def _check_times(claims: Mapping[str, Any], clock: Clock) -> None:
    """`exp`, `nbf` and `iat` with leeway."""
    now, leeway = clock.now().timestamp(), LEEWAY.total_seconds()
    require(now < _number(claims["exp"]) + leeway)
    for name in ("iat", "nbf"):
        require(name not in claims or _number(claims[name]) <= now + leeway)


def _number(value: object) -> float:
    """A time of a token. Python's JSON parser also yields Infinity and NaN, for 1e400 among others."""
    require(isinstance(value, int | float) and not isinstance(value, bool))
    number = float(str(value))
    require(isfinite(number))
    return number
