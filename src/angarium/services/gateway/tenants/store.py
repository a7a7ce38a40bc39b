"""Queries of tenants. Every method raises DatabaseUnavailable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.errors import Conflict, Detail
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.database.counting import count_up_to
from angarium.platform.database.engine import querying, reading, writing
from angarium.services.gateway.audit.store import Entry, write_entry
from angarium.services.gateway.keys.store import ApiKey, insert_key
from angarium.services.gateway.tenants.schema import tenants


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant."""

    tenant: str
    name: str
    created_at: datetime


class TenantStore:
    """Tenants in `notification_db`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(self, *, limit: int, page: int) -> tuple[Sequence[Tenant], int]:
        """Tenants by id, and their number (see `count_up_to`)."""
        query = select(tenants).order_by(tenants.c.tenant).limit(limit).offset((page - 1) * limit)
        async with reading(self._engine) as connection:
            found = [Tenant(**row) for row in (await connection.execute(query)).mappings()]
            return found, await count_up_to(connection, query)

    async def names(self) -> Sequence[str]:
        """Every tenant's id, including the default tenant's."""
        async with querying(self._engine) as connection:
            found = list(await connection.scalars(select(tenants.c.tenant)))
        return sorted({DEFAULT_TENANT, *found})

    async def insert(self, tenant: Tenant, key: ApiKey, key_hash: str, entry: Entry) -> None:
        """Store a tenant, its first key and the audit entry in one transaction. Raises Conflict if the id is taken."""
        row = {"tenant": tenant.tenant, "name": tenant.name, "created_at": tenant.created_at}
        try:
            async with writing(self._engine) as connection:
                await connection.execute(insert(tenants).values(row))
                await insert_key(connection, key, key_hash)
                await write_entry(connection, entry)
        except IntegrityError:
            raise Conflict(details=(Detail("tenant", "is taken"),)) from None
