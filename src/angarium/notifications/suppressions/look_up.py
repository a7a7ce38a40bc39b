"""The query of every claimed batch: which addresses are suppressed.

It has one parameter for any number of keys, so it is prepared once. Bypassing the query layer reduces its cost to a
tenth.
"""

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import ARRAY, String, any_, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.suppressions import SuppressionReason
from angarium.notifications.suppressions.schema import suppressions
from angarium.platform.database.engine import querying
from angarium.platform.database.mysql_pool import MysqlPool
from angarium.platform.database.postgresql_pool import PostgresqlPool
from angarium.platform.database.sqlite_writer import SqliteWriter
from angarium.platform.database.types import UtcDateTime, from_microseconds, to_microseconds

CONNECTIONS = 2
"""Connections for this query only."""
_SETTING = "ANGARIUM_NOTIFICATIONS_DATABASE_URL"
_CAUSES = (
    select(suppressions.c.address_key, suppressions.c.reason, suppressions.c.source, suppressions.c.created_at)
    .where(or_(suppressions.c.expires_at.is_(None), suppressions.c.expires_at > bindparam("now", type_=UtcDateTime())))
    .order_by(suppressions.c.created_at, suppressions.c.id)
)
_BY_LIST = _CAUSES.where(suppressions.c.address_key.in_(bindparam("keys", expanding=True)))
_BY_ARRAY = _CAUSES.where(suppressions.c.address_key == any_(bindparam("keys", type_=ARRAY(String()))))
_BY_JSON = _CAUSES.where(
    suppressions.c.address_key.in_(select(func.json_each(bindparam("keys")).table_valued("value").c.value))
)
POSTGRESQL = """
SELECT address_key, reason, source, created_at FROM suppressions
WHERE address_key = ANY($1::text[]) AND (expires_at IS NULL OR expires_at > $2)
ORDER BY created_at, id
"""
SQLITE = """
SELECT address_key, reason, source, created_at FROM suppressions
WHERE address_key IN (SELECT value FROM json_each(?)) AND (expires_at IS NULL OR expires_at > ?)
ORDER BY created_at, id
"""
MYSQL = """
SELECT address_key, reason, source, created_at FROM suppressions
WHERE address_key IN %s AND (expires_at IS NULL OR expires_at > %s)
ORDER BY created_at, id
"""


class Entry(msgspec.Struct, frozen=True):
    """An entry of the list that is in effect."""

    key: str
    reason: SuppressionReason
    source: str
    created_at: datetime


class LookUp(Protocol):
    """Finds entries by the keys of addresses."""

    async def find(self, keys: Sequence[str], now: datetime) -> Sequence[Entry]:
        """Entries in effect at `now`, oldest first. Raises DatabaseUnavailable."""
        ...

    async def close(self) -> None:
        """Close its connections. Idempotent."""
        ...


class EngineLookUp:
    """The plain form, for every database. The caller closes `engine`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, keys: Sequence[str], now: datetime) -> Sequence[Entry]:
        given: Any = list(keys)
        match self._engine.dialect.name:
            case "postgresql":
                statement = _BY_ARRAY
            case "sqlite":
                statement, given = _BY_JSON, json.dumps(given)
            case _:
                statement = _BY_LIST
        async with querying(self._engine) as connection:
            rows = (await connection.execute(statement, {"now": now, "keys": given})).all()
        return [Entry(row.address_key, SuppressionReason(row.reason), row.source, row.created_at) for row in rows]

    async def close(self) -> None:
        return None


class PostgresqlLookUp:
    """Bypasses the query layer and its connection checks."""

    def __init__(self, pool: PostgresqlPool) -> None:
        self._pool = pool

    async def find(self, keys: Sequence[str], now: datetime) -> Sequence[Entry]:
        rows = await self._pool.fetch(POSTGRESQL, list(keys), now)
        return [
            Entry(row["address_key"], SuppressionReason(row["reason"]), row["source"], row["created_at"])
            for row in rows
        ]

    async def close(self) -> None:
        await self._pool.close()


class MysqlLookUp:
    """Bypasses the query layer, its connection checks and its transaction on MariaDB."""

    def __init__(self, pool: MysqlPool) -> None:
        self._pool = pool

    async def find(self, keys: Sequence[str], now: datetime) -> Sequence[Entry]:
        if not keys:
            return []
        found = await self._pool.run(MYSQL, tuple(keys), now.astimezone(UTC).replace(tzinfo=None))
        return [
            Entry(
                row["address_key"],
                SuppressionReason(row["reason"]),
                row["source"],
                row["created_at"].replace(tzinfo=UTC),
            )
            for row in found.rows
        ]

    async def close(self) -> None:
        await self._pool.close()


class SqliteLookUp:
    """One hand-over to a thread; the query layer needs about six per query."""

    def __init__(self, thread: SqliteWriter) -> None:
        self._thread = thread

    async def find(self, keys: Sequence[str], now: datetime) -> Sequence[Entry]:
        given = (json.dumps(list(keys)), to_microseconds(now))

        def find(connection: sqlite3.Connection) -> Sequence[Entry]:
            return [
                Entry(key, SuppressionReason(reason), source, from_microseconds(created_at))
                for key, reason, source, created_at in connection.execute(SQLITE, given)
            ]

        return await self._thread.query(find)

    async def close(self) -> None:
        await self._thread.close()


def open_look_up(url: str, engine: AsyncEngine, *, fast_paths: bool = True) -> LookUp:
    """The look-up for the database at `url`, for which `engine` exists. Connects at first use. Raises SettingsError.

    Without `fast_paths` it is `EngineLookUp` on every database.
    """
    if not fast_paths:
        return EngineLookUp(engine)
    match engine.dialect.name:
        case "postgresql":
            return PostgresqlLookUp(PostgresqlPool(url, size=CONNECTIONS, setting=_SETTING))
        case "sqlite":
            return SqliteLookUp(SqliteWriter(Path(str(engine.url.database))))
        case "mysql":
            return MysqlLookUp(MysqlPool(url, size=CONNECTIONS, setting=_SETTING))
        case _:
            return EngineLookUp(engine)
