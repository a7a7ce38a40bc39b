"""Reads stored contact documents: the only query of `users_db` before every send."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.engine import querying
from angarium.platform.database.mysql_pool import MysqlPool
from angarium.platform.database.postgresql_pool import PostgresqlPool
from angarium.platform.database.sqlite_writer import SqliteWriter
from angarium.services.users.people.schema import users

_SETTING = "ANGARIUM_USERS_DATABASE_URL"
_BY_ARRAY = """
SELECT contact FROM users
WHERE user_id = ANY($1::uuid[]) AND tenant = $2 AND contact_version = version
"""
_BY_JSON = """
SELECT contact FROM users
WHERE user_id IN (SELECT value FROM json_each(?)) AND tenant = ? AND contact_version = version
"""
_BY_ARRAY_ALONE = "SELECT contact FROM users WHERE user_id = ANY($1::uuid[]) AND contact_version = version"
_BY_JSON_ALONE = """
SELECT contact FROM users WHERE user_id IN (SELECT value FROM json_each(?)) AND contact_version = version
"""
_BY_LIST = "SELECT contact FROM users WHERE user_id IN %s AND tenant = %s AND contact_version = version"
_BY_LIST_ALONE = "SELECT contact FROM users WHERE user_id IN %s AND contact_version = version"
CONNECTIONS = 4
"""Connections for this query only, which takes well under a millisecond."""


class Documents(Protocol):
    """Reads contact documents."""

    async def find(self, tenant: str, user_ids: Collection[UUID]) -> Sequence[bytes]:
        """The documents of existing users of `tenant` that are as new as their row. Raises DatabaseUnavailable."""
        ...

    async def find_any(self, user_ids: Collection[UUID]) -> Sequence[bytes]:
        """As `find`, for users of any tenant."""
        ...

    async def close(self) -> None:
        """Close its connections. Idempotent."""
        ...


class EngineDocuments:
    """Uses the query layer, on every database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant: str, user_ids: Collection[UUID]) -> Sequence[bytes]:
        wanted = (users.c.tenant == tenant) & (users.c.contact_version == users.c.version)
        query = select(users.c.contact).where(wanted, users.c.user_id.in_(user_ids))
        async with querying(self._engine) as connection:
            return [text.encode() for text in await connection.scalars(query)]

    async def find_any(self, user_ids: Collection[UUID]) -> Sequence[bytes]:
        query = select(users.c.contact).where(users.c.contact_version == users.c.version, users.c.user_id.in_(user_ids))
        async with querying(self._engine) as connection:
            return [text.encode() for text in await connection.scalars(query)]

    async def close(self) -> None:
        return None


class PostgresqlDocuments:
    """Bypasses the query layer and its connection checks, which cost more than the query."""

    def __init__(self, pool: PostgresqlPool) -> None:
        self._pool = pool

    async def find(self, tenant: str, user_ids: Collection[UUID]) -> Sequence[bytes]:
        rows = await self._pool.fetch(_BY_ARRAY, list(user_ids), tenant)
        return [row["contact"].encode() for row in rows]

    async def find_any(self, user_ids: Collection[UUID]) -> Sequence[bytes]:
        rows = await self._pool.fetch(_BY_ARRAY_ALONE, list(user_ids))
        return [row["contact"].encode() for row in rows]

    async def close(self) -> None:
        await self._pool.close()


class MysqlDocuments:
    """Bypasses the query layer, its connection checks and its transaction on MariaDB."""

    def __init__(self, pool: MysqlPool) -> None:
        self._pool = pool

    async def find(self, tenant: str, user_ids: Collection[UUID]) -> Sequence[bytes]:
        return await self._find(_BY_LIST, user_ids, tenant)

    async def find_any(self, user_ids: Collection[UUID]) -> Sequence[bytes]:
        return await self._find(_BY_LIST_ALONE, user_ids)

    async def _find(self, statement: str, user_ids: Collection[UUID], *more: str) -> Sequence[bytes]:
        if not user_ids:
            return []
        found = await self._pool.run(statement, tuple(user_id.hex for user_id in user_ids), *more)
        return [row["contact"].encode() for row in found.rows]

    async def close(self) -> None:
        await self._pool.close()


class SqliteDocuments:
    """One hand-over to a thread; the query layer needs about six per query."""

    def __init__(self, thread: SqliteWriter) -> None:
        self._thread = thread

    async def find(self, tenant: str, user_ids: Collection[UUID]) -> Sequence[bytes]:
        return await self._find(_BY_JSON, user_ids, tenant)

    async def find_any(self, user_ids: Collection[UUID]) -> Sequence[bytes]:
        return await self._find(_BY_JSON_ALONE, user_ids)

    async def _find(self, statement: str, user_ids: Collection[UUID], *more: str) -> Sequence[bytes]:
        wanted = json.dumps([user_id.hex for user_id in user_ids])

        def find(connection: sqlite3.Connection) -> Sequence[bytes]:
            return [text.encode() for (text,) in connection.execute(statement, (wanted, *more))]

        return await self._thread.query(find)

    async def close(self) -> None:
        await self._thread.close()


def open_documents(url: str, engine: AsyncEngine, *, fast_paths: bool = True) -> Documents:
    """The reader for the database at `url`, for which `engine` exists. Connects at first use. Raises SettingsError.

    Without `fast_paths` it is `EngineDocuments` on every database.
    """
    if not fast_paths:
        return EngineDocuments(engine)
    match engine.dialect.name:
        case "postgresql":
            return PostgresqlDocuments(PostgresqlPool(url, size=CONNECTIONS, setting=_SETTING))
        case "sqlite":
            return SqliteDocuments(SqliteWriter(Path(str(engine.url.database))))
        case "mysql":
            return MysqlDocuments(MysqlPool(url, size=CONNECTIONS, setting=_SETTING))
        case _:
            return EngineDocuments(engine)
