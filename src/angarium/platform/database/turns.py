"""Mutual exclusion between the processes that share a database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.platform.database.engine import reading


@asynccontextmanager
async def alone(engine: AsyncEngine, key: int) -> AsyncIterator[bool]:
    """Whether this process holds the lock `key` for the block; other processes get False meanwhile.

    Takes an advisory lock of the server on a connection of the pool. A lost session releases it, so guard only work
    that may run twice. On SQLite always True, since a file has one process. Raises DatabaseUnavailable.
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
    """Try to take the advisory lock `key` on `connection`; return whether it is held.

    On PostgreSQL it is held until the end of the transaction, not of the session, since a pooler may give the session
    to others between transactions. The transaction has no idle timeout and holds no snapshot, for which vacuum and
    CREATE INDEX CONCURRENTLY would wait: the lock is taken by a simple query, because the portal of a prepared one
    would hold a snapshot. On MariaDB and MySQL it belongs to the session, until that ends or releases it.
    """
    if connection.dialect.name == "mysql":
        return bool(await connection.scalar(_TAKE, {"key": key}))
    await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    driver: Any = (await connection.get_raw_connection()).driver_connection
    return bool(await driver.execute(f"SELECT 1 WHERE pg_try_advisory_xact_lock({key:d})") == "SELECT 1")


_NAME = "CONCAT('angarium.', :key, '.', SHA1(DATABASE()))"  # names are the server's, not the database's; 64 characters
_TAKE = text(f"SELECT GET_LOCK({_NAME}, 0)")
_RELEASE = text(f"SELECT RELEASE_LOCK({_NAME})")
