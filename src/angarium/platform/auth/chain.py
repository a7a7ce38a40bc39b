"""Ways to authenticate, tried in order: the first that recognises what is shown decides."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from angarium.contracts.errors import Unauthorized
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.credentials import credentials_of
from angarium.platform.auth.service_token import DEFAULT_TENANT, ServiceTokens

KeyLookup = Callable[[str], Awaitable[Caller | None]]
"""The caller behind an API key; None: no such key, or revoked."""
SEEDED_KEY_NAME = "default"


class Tokens(Protocol):
    """Verifies bearer tokens."""

    async def verify(self, token: str) -> Caller:
        """The caller behind `token`. Raises Unauthorized, ServiceUnavailable."""
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
            return await self._tokens.verify(shown.secret)
        caller = await self._keys(shown.secret)
        if caller is None:
            raise Unauthorized
        return caller


class OpenAuthenticator:
    """Implements `Authenticator` for `AUTH=off`: whoever is no service is the seeded key's caller."""

    def __init__(self, service_tokens: ServiceTokens) -> None:
        self._service_tokens = service_tokens
        self._caller = Caller(tenant=DEFAULT_TENANT, name=SEEDED_KEY_NAME, scopes=frozenset(Scope))

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        return self._service_tokens.authenticate(headers) or self._caller
