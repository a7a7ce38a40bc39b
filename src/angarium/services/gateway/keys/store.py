"""Queries of API keys, which are stored as hashes only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.keys import KeyKind
from angarium.contracts.scopes import Scope
from angarium.platform.database.counting import count_up_to
from angarium.platform.database.engine import reading, writing
from angarium.services.gateway.audit.store import Entry, write_entry
from angarium.services.gateway.keys.schema import api_keys

_COLUMNS = (
    api_keys.c.key_id,
    api_keys.c.tenant,
    api_keys.c.name,
    api_keys.c.kind,
    api_keys.c.scopes,
    api_keys.c.rate_limit,
    api_keys.c.created_at,
    api_keys.c.last_used_at,
    api_keys.c.revoked_at,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """The data of a key."""

    key_id: UUID
    tenant: str
    name: str
    kind: KeyKind
    scopes: frozenset[Scope]
    rate_limit: str | None
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class KeyStore:
    """Reads and writes keys. A change and its audit entry are one transaction. Raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, key_hash: str) -> ApiKey | None:
        """The key with that hash, revoked or not."""
        async with reading(self._engine) as connection:
            row = (
                (await connection.execute(select(*_COLUMNS).where(api_keys.c.key_hash == key_hash)))
                .mappings()
                .one_or_none()
            )
        return None if row is None else _key(row)

    async def get(self, tenant: str, key_id: UUID) -> ApiKey | None:
        """The tenant's key with that id."""
        query = select(*_COLUMNS).where(api_keys.c.tenant == tenant, api_keys.c.key_id == key_id)
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else _key(row)

    async def page(self, tenant: str, *, limit: int, offset: int) -> tuple[Sequence[ApiKey], int]:
        """Keys of a tenant, newest first, and their number (see `count_up_to`)."""
        mine = api_keys.c.tenant == tenant
        order = (api_keys.c.created_at.desc(), api_keys.c.key_id.desc())
        async with reading(self._engine) as connection:
            query = select(*_COLUMNS).where(mine)
            rows = await connection.execute(query.order_by(*order).limit(limit).offset(offset))
            return [_key(row) for row in rows.mappings()], await count_up_to(connection, query)

    async def add(self, key: ApiKey, key_hash: str, entry: Entry) -> bool:
        """Insert a key; False if the tenant has a valid key with that name."""
        async with writing(self._engine) as connection:
            if await _name_is_taken(connection, key):
                return False
            await insert_key(connection, key, key_hash)
            await write_entry(connection, entry)
        return True

    async def replace(self, old: ApiKey, new: ApiKey, key_hash: str, entry: Entry) -> bool:
        """Atomically revoke `old` and insert `new`; False if `old` is already revoked."""
        async with writing(self._engine) as connection:
            if not await _revoke(connection, old.tenant, old.key_id, new.created_at):
                return False
            await insert_key(connection, new, key_hash)
            await write_entry(connection, entry)
        return True

    async def revoke(self, tenant: str, key_id: UUID, at: datetime, entry: Entry) -> bool:
        """Revoke a valid key; False if there is none with that id."""
        async with writing(self._engine) as connection:
            if not await _revoke(connection, tenant, key_id, at):
                return False
            await write_entry(connection, entry)
        return True

    async def put_seed(self, key: ApiKey, key_hash: str) -> None:
        """Make `key` the only valid one with its tenant and name. Idempotent by hash."""
        same = api_keys.c.tenant == key.tenant, api_keys.c.name == key.name
        others = update(api_keys).where(*same, api_keys.c.key_hash != key_hash, api_keys.c.revoked_at.is_(None))
        revived = update(api_keys).where(api_keys.c.key_hash == key_hash)
        async with writing(self._engine) as connection:
            await connection.execute(others.values(revoked_at=key.created_at))
            known = await connection.execute(revived.values(revoked_at=None, scopes=sorted(key.scopes), name=key.name))
            if known.rowcount == 0:
                await insert_key(connection, key, key_hash)

    async def touch(self, used: Mapping[UUID, datetime]) -> None:
        """Record when keys were last used; an older time never replaces a newer one."""
        async with writing(self._engine) as connection:
            for key_id, moment in used.items():
                stale = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < moment)
                touched = update(api_keys).where(api_keys.c.key_id == key_id, stale)
                await connection.execute(touched.values(last_used_at=moment))


async def insert_key(connection: AsyncConnection, key: ApiKey, key_hash: str) -> None:
    """Insert a key within the transaction of `connection`."""
    await connection.execute(insert(api_keys).values(_values(key, key_hash)))


async def _name_is_taken(connection: AsyncConnection, key: ApiKey) -> bool:
    same = (api_keys.c.tenant == key.tenant, api_keys.c.name == key.name, api_keys.c.revoked_at.is_(None))
    return (await connection.execute(select(api_keys.c.key_id).where(*same).limit(1))).first() is not None


async def _revoke(connection: AsyncConnection, tenant: str, key_id: UUID, at: datetime) -> bool:
    living = (api_keys.c.tenant == tenant, api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
    return (await connection.execute(update(api_keys).where(*living).values(revoked_at=at))).rowcount == 1


def _key(row: RowMapping) -> ApiKey:
    fields = dict(row)
    fields["scopes"] = frozenset(Scope(scope) for scope in fields["scopes"])
    return ApiKey(**fields)


def _values(key: ApiKey, key_hash: str) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "tenant": key.tenant,
        "name": key.name,
        "kind": key.kind,
        "key_hash": key_hash,
        "scopes": sorted(key.scopes),
        "rate_limit": key.rate_limit,
        "created_at": key.created_at,
    }
