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

    An advisory lock of PostgreSQL, held by a transaction on a connection of the pool. A session that was lost gives it
    back, so guard only what may run twice. On SQLite always True: one process serves a file. Raises
    DatabaseUnavailable.
    """
    if engine.dialect.name != "postgresql":
        yield True
        return
    async with reading(engine) as connection:
        yield await take_turn(connection, key)


async def take_turn(connection: AsyncConnection, key: int) -> bool:
    """Whether the transaction on `connection`, of PostgreSQL, has the advisory lock `key` now, until its end.

    Of the transaction, not of the session: a pooler may give the session to others between two transactions. The
    transaction may be idle for as long as it likes and holds no snapshot, for which vacuum and CREATE INDEX
    CONCURRENTLY would wait. So the lock is taken by a simple query: the portal of a prepared one holds its snapshot.
    """
    await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    driver: Any = (await connection.get_raw_connection()).driver_connection
    return bool(await driver.execute(f"SELECT 1 WHERE pg_try_advisory_xact_lock({key:d})") == "SELECT 1")
