"""Work that one process at a time does, over all that share a database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.platform.database.engine import reading


@asynccontextmanager
async def alone(engine: AsyncEngine, key: int) -> AsyncIterator[bool]:
    """Whether this process has its turn at `key`; others get False until the block ends, or the process or its session.

    An advisory lock of the server, on a connection of the pool. A session that was lost gives it back, so guard only
    what may run twice. On SQLite always True: one process serves a file. Raises DatabaseUnavailable.
    """
    if engine.dialect.name == "sqlite":
        yield True
        return
    async with reading(engine) as connection:
        mine = await take_turn(connection, key)
        try:
            yield mine
        finally:
            if mine and engine.dialect.name == "mysql":
                await connection.execute(_RELEASE, {"key": key})


async def take_turn(connection: AsyncConnection, key: int) -> bool:
    """Whether `connection` has the advisory lock `key` of its database now.

    On PostgreSQL until the end of its transaction, not of the session: a pooler may give the session to others between
    two transactions. The transaction may be idle for as long as it likes and holds no snapshot, for which vacuum and
    CREATE INDEX CONCURRENTLY would wait. So the lock is taken by a simple query: the portal of a prepared one holds its
    snapshot. On MariaDB and MySQL, whose locks belong to sessions, until the session ends or gives it back.
    """
    if connection.dialect.name == "mysql":
        return bool(await connection.scalar(_TAKE, {"key": key}))
    await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    driver: Any = (await connection.get_raw_connection()).driver_connection
    return bool(await driver.execute(f"SELECT 1 WHERE pg_try_advisory_xact_lock({key:d})") == "SELECT 1")


_NAME = "CONCAT('angarium.', :key, '.', SHA1(DATABASE()))"  # names are the server's, not the database's; 64 characters
_TAKE = text(f"SELECT GET_LOCK({_NAME}, 0)")
_RELEASE = text(f"SELECT RELEASE_LOCK({_NAME})")
