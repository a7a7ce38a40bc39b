"""Use cases of API keys: seed, create, list, rotate, revoke. A key is shown once, when it is created."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from angarium.contracts.errors import Conflict, Detail, NotFound
from angarium.contracts.keys import KeyCreate
from angarium.contracts.scopes import Scope
from angarium.platform.auth.chain import SEEDED_KEY_NAME
from angarium.platform.auth.credentials import hash_key, new_api_key
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.runtime import Runtime
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor
from angarium.services.gateway.keys.bounds import require_within
from angarium.services.gateway.keys.store import ApiKey, KeyStore


@dataclass(frozen=True, slots=True)
class FreshKey:
    """A new key with the only copy of its secret."""

    key: ApiKey
    secret: str = field(repr=False)


class Keys:
    """Manages keys. Raises DatabaseUnavailable if the store is unavailable."""

    def __init__(
        self,
        *,
        store: KeyStore,
        audit: AuditLog,
        runtime: Runtime,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._audit = audit
        self._clock = runtime.clock
        self._identifiers = runtime.identifiers
        self._entropy = entropy

    async def seed(self, secret: str) -> None:
        """Make `secret` the only valid key named `default`, with all scopes. Idempotent.

        The setting takes precedence: a key seeded earlier with another value is revoked, and the given one becomes
        valid even if it was revoked.
        """
        key = ApiKey(
            key_id=self._identifiers.new(),
            tenant=DEFAULT_TENANT,
            name=SEEDED_KEY_NAME,
            kind="live",
            scopes=frozenset(Scope),
            rate_limit=None,
            created_at=self._clock.now(),
        )
        try:
            await self._store.put_seed(key, hash_key(secret))
        except IntegrityError:  # another process seeded it between our two statements
            await self._store.put_seed(key, hash_key(secret))

    async def create(self, actor: Actor, request: KeyCreate) -> FreshKey:
        """Create a key in the actor's tenant; its default rate is the actor's.

        Raises Conflict if the name is taken, since it is the caller's identity; Forbidden if it would have more
        permissions than the actor's.
        """
        rate_limit = request.rate_limit or actor.caller.rate_limit
        require_within(actor.caller, request.kind, rate_limit)
        key = ApiKey(
            key_id=self._identifiers.new(),
            tenant=actor.caller.tenant,
            name=request.name,
            kind=request.kind,
            scopes=frozenset(request.scopes),
            rate_limit=rate_limit,
            created_at=self._clock.now(),
        )
        secret = new_api_key(key.kind, self._entropy)
        entry = self._audit.entry(actor, "key.created", key.key_id)
        if not await self._store.add(key, hash_key(secret), entry):
            raise Conflict(details=(Detail("name", "a living key has this name"),))
        return FreshKey(key, secret)

    async def page(self, tenant: str, *, limit: int, page: int) -> tuple[Sequence[ApiKey], int]:
        """Keys of the tenant, newest first, and their number."""
        return await self._store.page(tenant, limit=limit, offset=(page - 1) * limit)

    async def rotate(self, actor: Actor, key_id: UUID) -> FreshKey:
        """Create a new secret with the same name, scopes and limit, and revoke the old one.

        Raises NotFound, Forbidden.
        """
        old = await self._store.get(actor.caller.tenant, key_id)
        if old is None or old.revoked_at is not None:
            raise NotFound
        require_within(actor.caller, old.kind, old.rate_limit)
        new = ApiKey(
            key_id=self._identifiers.new(),
            tenant=old.tenant,
            name=old.name,
            kind=old.kind,
            scopes=old.scopes,
            rate_limit=old.rate_limit,
            created_at=self._clock.now(),
        )
        secret = new_api_key(new.kind, self._entropy)
        entry = self._audit.entry(actor, "key.rotated", f"{old.key_id} → {new.key_id}")
        if not await self._store.replace(old, new, hash_key(secret), entry):
            raise NotFound
        return FreshKey(new, secret)

    async def revoke(self, actor: Actor, key_id: UUID) -> None:
        """Revoke a valid key of the actor's tenant, effective everywhere within 60 s. Raises NotFound."""
        entry = self._audit.entry(actor, "key.revoked", key_id)
        if not await self._store.revoke(actor.caller.tenant, key_id, self._clock.now(), entry):
            raise NotFound
