"""Authenticators tried in order: the first that recognises the credentials decides."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from angarium.contracts.errors import Forbidden, Unauthorized, UnsupportedMediaType
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.credentials import credentials_of
from angarium.platform.auth.service_token import DEFAULT_TENANT, ServiceTokens
from angarium.platform.loopback import is_foreign_page, names_this_machine

KeyLookup = Callable[[str], Awaitable[Caller | None]]
"""Returns the caller of an API key; None if the key does not exist or is revoked."""
SEEDED_KEY_NAME = "default"
_DOTS = 2  # of a signed JWT (RFC 7515 §3.1)


class Tokens(Protocol):
    """Verifies bearer tokens."""

    async def verify(self, token: str) -> Caller:
        """Return the caller of `token`. Raises Unauthorized, ServiceUnavailable."""
        ...


class ChainAuthenticator:
    """Implements `Authenticator`: service token, then API key, then bearer token."""

    def __init__(self, *, service_tokens: ServiceTokens, keys: KeyLookup, tokens: Tokens) -> None:
        self._service_tokens = service_tokens
        self._keys = keys
        self._tokens = tokens

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        service = self._service_tokens.authenticate(headers)
        if service is not None:
            return service
        shown = credentials_of(headers)
        if shown.kind == "bearer":
            return await bearer_of(shown.secret, self._keys, self._tokens)
        caller = await self._keys(shown.secret)
        if caller is None:
            raise Unauthorized
        return caller


async def bearer_of(secret: str, keys: KeyLookup, tokens: Tokens) -> Caller:
    """Authenticate `Authorization: Bearer` with a JSON Web Token or an API key (RFC 6750 §2.1).

    A JWT begins with an encoded `{"`, so a forged one costs no look-up. Raises Unauthorized, ServiceUnavailable.
    """
    if not (secret.startswith("eyJ") and secret.count(".") == _DOTS):
        caller = await keys(secret)
        if caller is not None:
            return caller
    return await tokens.verify(secret)


class OpenAuthenticator:
    """Implements `Authenticator` for `AUTH=off`: every caller except a service gets the identity of the seeded key.

    Refuses what a foreign web page could send: a Host other than this machine, another Origin, and a body without a
    Content-Type, which browsers send anywhere without a preflight. Raises Forbidden, UnsupportedMediaType.
    """

    def __init__(self, service_tokens: ServiceTokens) -> None:
        self._service_tokens = service_tokens
        self._caller = Caller(tenant=DEFAULT_TENANT, name=SEEDED_KEY_NAME, scopes=frozenset(Scope))

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        service = self._service_tokens.authenticate(headers)
        if service is not None:
            return service
        if not names_this_machine(headers.get("host", "")):
            message = "With AUTH=off only localhost and loopback addresses are served"
            raise Forbidden(message)
        if is_foreign_page(headers):
            message = "With AUTH=off pages of other origins are refused"
            raise Forbidden(message)
        if "content-type" not in headers and (
            headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        ):
            message = "With AUTH=off a body needs a Content-Type"
            raise UnsupportedMediaType(message)
        return self._caller
