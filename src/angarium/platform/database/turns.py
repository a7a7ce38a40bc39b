"""Work that one process at a time does, over all that share a database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.engine import querying


@asynccontextmanager
async def alone(engine: AsyncEngine, key: int) -> AsyncIterator[bool]:
    """Whether this process has its turn at `key`; others get False until the block ends, or the process or its session.

    An advisory lock of PostgreSQL, held by a connection of the pool; a session that was lost gives it back, so guard
    only what may run twice. On SQLite always True: one process serves a file. Raises DatabaseUnavailable.
    """
    if engine.dialect.name != "postgresql":
        yield True
        return
    async with querying(engine) as connection:
        mine = bool(await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}))
        try:
            yield mine
        finally:
            if mine:
                try:
                    await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
                except BaseException:
                    await connection.invalidate()  # back in the pool it would hold the lock
                    raise
