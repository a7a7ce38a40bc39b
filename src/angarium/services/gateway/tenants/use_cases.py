"""Tenants, created by admins of the default tenant, each with a first key."""

import os
from collections.abc import Callable, Sequence

from angarium.contracts.scopes import Scope
from angarium.contracts.tenants import TenantCreate
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.credentials import hash_key, new_api_key
from angarium.platform.runtime import Runtime
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor
from angarium.services.gateway.keys.bounds import kind_of
from angarium.services.gateway.keys.store import ApiKey
from angarium.services.gateway.keys.use_cases import FreshKey
from angarium.services.gateway.tenants.store import Tenant, TenantStore

FIRST_KEY_NAME = "admin"


class Tenants:
    """Manages tenants. Raises DatabaseUnavailable if the store is unavailable."""

    def __init__(
        self,
        *,
        store: TenantStore,
        audit: AuditLog,
        runtime: Runtime,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._audit = audit
        self._clock = runtime.clock
        self._identifiers = runtime.identifiers
        self._entropy = entropy

    async def page(self, *, limit: int, page: int) -> tuple[Sequence[Tenant], int]:
        """Tenants by id, and their number (see `count_up_to`)."""
        return await self._store.page(limit=limit, page=page)

    async def create(self, actor: Actor, request: TenantCreate) -> tuple[Tenant, FreshKey]:
        """Create a tenant and its first key, atomically. Raises Conflict if the id is taken.

        The key has the kind and rate of the actor's.
        """
        tenant = Tenant(request.tenant, request.name or request.tenant, self._clock.now())
        fresh = self._first_key(tenant, actor.caller)
        entry = self._audit.entry(actor, "tenant.created", tenant.tenant)
        await self._store.insert(tenant, fresh.key, hash_key(fresh.secret), entry)
        return tenant, fresh

    def _first_key(self, tenant: Tenant, caller: Caller) -> FreshKey:
        key = ApiKey(
            key_id=self._identifiers.new(),
            tenant=tenant.tenant,
            name=FIRST_KEY_NAME,
            kind=kind_of(caller),
            scopes=frozenset({Scope.ADMIN}),
            rate_limit=caller.rate_limit,
            created_at=tenant.created_at,
        )
        return FreshKey(key, new_api_key(key.kind, self._entropy))
