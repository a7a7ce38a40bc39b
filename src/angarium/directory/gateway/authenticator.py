"""Authentication through the gateway, for services without keys of their own."""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

import msgspec

from angarium.contracts.errors import ServiceUnavailable, Transient, Unauthorized
from angarium.contracts.keys import CallerKind
from angarium.contracts.scopes import known_scopes
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.credentials import Credentials, credentials_of, hash_key
from angarium.platform.auth.service_token import DEFAULT_TENANT, ServiceTokens
from angarium.platform.caching import Lru
from angarium.platform.clock import Clock
from angarium.platform.http.client.client import ServiceClient

VERIFY_PATH = "/internal/v1/verify"
GOOD_SECONDS = 25.0
"""The gateway may have cached its result for 30 s, so a revoked key is refused here within a minute."""
BAD_SECONDS = 5.0
CACHE_ENTRIES = 10_000


class VerifiedCaller(msgspec.Struct, frozen=True):
    """The `data` of a successful `POST /internal/v1/verify`."""

    tenant: str
    name: str
    scopes: list[str]
    key_id: str | None = None
    rate_limit: str | None = None
    test: bool = False
    user_id: UUID | None = None
    kind: CallerKind = "key"


class _Answer(msgspec.Struct, frozen=True):
    data: VerifiedCaller


class RemoteAuthenticator:
    """Implements `Authenticator`: verifies service tokens itself, keys and tokens at the gateway.

    Caches accepted credentials for 25 s and refused ones for 5 s, by hash, at most `max_entries`. While the gateway is
    down, cached results stay valid; other credentials raise ServiceUnavailable.
    """

    def __init__(
        self, client: ServiceClient, service_token: str | None, clock: Clock, *, max_entries: int = CACHE_ENTRIES
    ) -> None:
        self._client = client
        self._service_tokens = ServiceTokens(service_token)
        self._clock = clock
        self._known: Lru[str, tuple[float, Caller | None]] = Lru(max_entries)

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        service = self._service_tokens.authenticate(headers)
        if service is not None:
            return service
        caller = await self._verified(credentials_of(headers))
        if caller is None:
            raise Unauthorized
        return caller

    async def _verified(self, shown: Credentials) -> Caller | None:
        digest = hash_key(f"{shown.kind}:{shown.secret}")
        known = self._known.get(digest)
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        caller = await self._ask(shown)
        self._keep(digest, caller)
        return caller

    async def _ask(self, shown: Credentials) -> Caller | None:
        try:
            answer = await self._client.post(VERIFY_PATH, tenant=DEFAULT_TENANT, json={shown.kind: shown.secret})
            if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST}:
                return None
            if answer.status_code != HTTPStatus.OK:
                raise ServiceUnavailable
            found = msgspec.json.decode(answer.content, type=_Answer).data
        except (Transient, msgspec.MsgspecError):
            raise ServiceUnavailable from None
        return Caller(
            tenant=found.tenant,
            name=found.name,
            scopes=known_scopes(found.scopes),
            key_id=found.key_id,
            rate_limit=found.rate_limit,
            test=found.test,
            user_id=found.user_id,
            kind=found.kind,
        )

    def _keep(self, digest: str, caller: Caller | None) -> None:
        seconds = GOOD_SECONDS if caller is not None else BAD_SECONDS
        self._known.put(digest, (self._clock.monotonic() + seconds, caller))
