"""The connections of the hot statements: few, reused, and closed once their state is unknown."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.database.postgresql_pool import PostgresqlPool

pytestmark = pytest.mark.distributed


@pytest.fixture
async def pool(postgresql_url: str) -> AsyncIterator[PostgresqlPool]:
    pool = PostgresqlPool(postgresql_url, size=2)
    yield pool
    await pool.close()


async def _backend(pool: PostgresqlPool, seconds: float = 0) -> int:
    [row] = await pool.fetch("SELECT pg_backend_pid() AS pid, pg_sleep($1)", seconds)
    return int(row["pid"])


async def test_a_connection_is_used_again(pool: PostgresqlPool) -> None:
    assert len({await _backend(pool) for _ in range(5)}) == 1


async def test_there_are_no_more_than_its_size(pool: PostgresqlPool) -> None:
    assert len(set(await asyncio.gather(*(_backend(pool, 0.01) for _ in range(10))))) == 2


async def test_a_refused_statement_costs_no_connection(pool: PostgresqlPool) -> None:
    before = await _backend(pool)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await pool.fetch("SELECT 1 / 0")
    assert await _backend(pool) == before


async def test_a_statement_that_was_given_up_takes_its_connection_along(pool: PostgresqlPool) -> None:
    before = await _backend(pool)
    given_up = asyncio.create_task(_backend(pool, 30))
    await asyncio.wait({given_up}, timeout=0.1)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await _backend(pool) != before


async def test_a_closed_pool_refuses_statements(pool: PostgresqlPool) -> None:
    await _backend(pool)
    await pool.close()
    await pool.close()
    with pytest.raises(DatabaseUnavailable):
        await _backend(pool)


async def test_closing_waits_for_what_is_under_way(pool: PostgresqlPool) -> None:
    under_way = asyncio.create_task(_backend(pool, 0.1))
    await asyncio.wait({under_way}, timeout=0.05)
    await pool.close()
    assert under_way.done()
    assert await under_way
