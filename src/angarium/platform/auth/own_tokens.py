"""Short-lived tokens that the gateway signs itself, in exchange for an API key or a password."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from hmac import digest
from typing import Any
from uuid import UUID

import jwt

from angarium.contracts.errors import Unauthorized
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.claims import NOT_GOOD, Expected, caller_of, checked_claims, require
from angarium.platform.auth.public_keys import PinnedKey
from angarium.platform.auth.tokens import TokenVerifier
from angarium.platform.clock import Clock

LIFE = timedelta(minutes=15)
"""Lifetime of a token: how long it can outlive the key that it was made with."""
NAME = "angarium"
"""Issuer, audience and key id of our own tokens."""
_PURPOSE = b"angarium: key of the gateway's own tokens, version 1"


class OwnTokens:
    """Signs with HS256. Every gateway derives the same signing key from the token between services.

    Without such a token the key is random, and the tokens are valid in this process only.
    """

    def __init__(self, service_token: str | None, clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> None:
        secret = service_token.encode() if service_token else entropy(32)
        self._key = PinnedKey("HS256", digest(secret, _PURPOSE, sha256))
        self._clock = clock

    def sign(self, caller: Caller) -> str:
        """Sign a token that authenticates its bearer as `caller` for LIFE."""
        now = self._clock.now()
        claims: dict[str, Any] = {
            "iss": NAME,
            "aud": NAME,
            "sub": caller.name,
            "tenant": caller.tenant,
            "scope": " ".join(sorted(caller.scopes)),
            "iat": int(now.timestamp()),
            "exp": int((now + LIFE).timestamp()),
            **_private(caller),
        }
        return jwt.encode(claims, self._key.key, self._key.algorithm, headers={"kid": NAME})

    def verify(self, token: str) -> Caller:
        """Return the caller that was passed to `sign`. Raises Unauthorized."""
        try:
            header = jwt.get_unverified_header(token)
            require("crit" not in header and header["alg"] == self._key.algorithm)
            claims = checked_claims(token, self._key, Expected(NAME, NAME), self._clock)
            return _with_private(caller_of(claims), claims)
        except NOT_GOOD:
            raise Unauthorized from None


class BearerTokens:
    """Verifies a bearer token: our own with our key only, any other with the configured keys."""

    def __init__(self, own: OwnTokens, others: TokenVerifier) -> None:
        self._own = own
        self._others = others

    async def verify(self, token: str) -> Caller:
        """As `TokenVerifier.verify`."""
        if _key_id(token) == NAME:
            return self._own.verify(token)
        return await self._others.verify(token)


def _key_id(token: str) -> object:
    try:
        return jwt.get_unverified_header(token).get("kid")
    except NOT_GOOD:
        return None


def _private(caller: Caller) -> dict[str, Any]:
    """Claims about a caller that are read from our own tokens only."""
    said: dict[str, Any] = {}
    if caller.test:
        said["test"] = True
    if caller.rate_limit is not None:
        said["rate_limit"] = caller.rate_limit
    if caller.user_id is not None:
        said["user_id"] = str(caller.user_id)
    return said


def _with_private(caller: Caller, claims: Mapping[str, Any]) -> Caller:
    user_id = claims.get("user_id")
    return replace(
        caller,
        test=claims.get("test") is True,
        rate_limit=claims.get("rate_limit"),
        user_id=None if user_id is None else UUID(user_id),
        kind="key" if user_id is None else "user",
    )
