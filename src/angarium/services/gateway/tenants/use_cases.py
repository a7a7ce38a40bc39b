"""Tenants: made by admins of the default one, each with a first key of its own."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.errors import Conflict, Detail
from angarium.contracts.scopes import Scope
from angarium.contracts.tenants import TenantCreate
from angarium.notifications.store.schema import tenants
from angarium.platform.auth.keys import hash_key, new_api_key
from angarium.platform.clock import Clock
from angarium.platform.database.counting import count_up_to
from angarium.platform.database.engine import reading, writing
from angarium.platform.identifiers import Identifiers
from angarium.services.gateway.audit.log import Actor, AuditLog, write_entry
from angarium.services.gateway.keys.store import ApiKey, insert_key
from angarium.services.gateway.keys.use_cases import FreshKey

FIRST_KEY_NAME = "admin"


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant."""

    tenant: str
    name: str
    created_at: datetime


class Tenants:
    """What one may do with tenants. Raises DatabaseUnavailable where the store does not answer."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        audit: AuditLog,
        clock: Clock,
        identifiers: Identifiers,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._engine = engine
        self._audit = audit
        self._clock = clock
        self._identifiers = identifiers
        self._entropy = entropy

    async def page(self, *, limit: int, page: int) -> tuple[Sequence[Tenant], int]:
        """Tenants by id, and how many there are (as `count_up_to` says)."""
        query = select(tenants).order_by(tenants.c.tenant).limit(limit).offset((page - 1) * limit)
        async with reading(self._engine) as connection:
            found = [Tenant(**row) for row in (await connection.execute(query)).mappings()]
            return found, await count_up_to(connection, query)

    async def create(self, actor: Actor, request: TenantCreate) -> tuple[Tenant, FreshKey]:
        """A new tenant and its first key, in one piece. Raises Conflict where there is one of that id."""
        tenant = Tenant(request.tenant, request.name or request.tenant, self._clock.now())
        fresh = self._first_key(tenant)
        entry = self._audit.entry(actor, "tenant.created", tenant.tenant)
        row = {"tenant": tenant.tenant, "name": tenant.name, "created_at": tenant.created_at}
        try:
            async with writing(self._engine) as connection:
                await connection.execute(insert(tenants).values(row))
                await insert_key(connection, fresh.key, hash_key(fresh.secret))
                await write_entry(connection, entry)
        except IntegrityError:
            raise Conflict(details=(Detail("tenant", "is taken"),)) from None
        return tenant, fresh

    def _first_key(self, tenant: Tenant) -> FreshKey:
        key = ApiKey(
            key_id=self._identifiers.new(),
            tenant=tenant.tenant,
            name=FIRST_KEY_NAME,
            kind="live",
            scopes=frozenset({Scope.ADMIN}),
            rate_limit=None,
            created_at=tenant.created_at,
        )
        return FreshKey(key, new_api_key(key.kind, self._entropy))
