"""How the gateway authenticates: keys from its own store, tokens, the service token."""

from collections.abc import Mapping

from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Authenticator, Caller
from angarium.platform.auth.chain import ChainAuthenticator
from angarium.platform.auth.service_token import ServiceTokens
from angarium.platform.auth.tokens import TokenVerifier
from angarium.services.gateway.key_ring import KeyRing
from angarium.services.gateway.keys import SEED_NAME, SEED_TENANT


class OpenAuthenticator:
    """`AUTH=off`, in development only: whoever calls is the seeded key's caller; services still say who they are."""

    def __init__(self, service_tokens: ServiceTokens) -> None:
        self._service_tokens = service_tokens
        self._everybody = Caller(SEED_TENANT, SEED_NAME, frozenset(Scope))

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        return self._service_tokens.authenticate(headers) or self._everybody


def build_authenticator(*, auth: str, service_token: str | None, ring: KeyRing, tokens: TokenVerifier) -> Authenticator:
    """The authenticator that the settings ask for."""
    service_tokens = ServiceTokens(service_token)
    if auth == "off":
        return OpenAuthenticator(service_tokens)
    return ChainAuthenticator(service_tokens=service_tokens, keys=ring.caller, tokens=tokens)
