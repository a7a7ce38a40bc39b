"""The gateway's authentication: keys from its own store, tokens, the service token."""

from angarium.platform.auth.caller import Authenticator
from angarium.platform.auth.chain import ChainAuthenticator, OpenAuthenticator, Tokens
from angarium.platform.auth.service_token import ServiceTokens
from angarium.services.gateway.keys.ring import KeyRing


def build_authenticator(*, auth: str, service_token: str | None, ring: KeyRing, tokens: Tokens) -> Authenticator:
    """Build the authenticator for the settings; `auth` is `on`, or `off` (development only)."""
    service_tokens = ServiceTokens(service_token)
    if auth == "off":
        return OpenAuthenticator(service_tokens)
    return ChainAuthenticator(service_tokens=service_tokens, keys=ring.caller, tokens=tokens)
