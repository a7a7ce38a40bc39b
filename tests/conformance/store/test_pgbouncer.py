"""PostgreSQL behind a pooler that changes the session between transactions."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.database.engine import open_engine, querying, reading, writing
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.database.migrate import upgrade
from angarium.platform.database.postgresql_pool import PostgresqlPool
from angarium.platform.database.readiness import EngineReadiness
from angarium.platform.database.turns import alone
from tests.support.servers import PgBouncer, PostgreSQL

pytestmark = pytest.mark.distributed

_SETTINGS = "SELECT pg_backend_pid() AS pid, current_setting('{name}') AS value, pg_sleep($1)"
KEY = 4711


@pytest.fixture
async def pooled_url(postgresql_url: str, pgbouncer: PgBouncer) -> str:
    await pgbouncer.start()
    return pgbouncer.url_of(postgresql_url)


@pytest.fixture
async def pool(pooled_url: str) -> AsyncIterator[PostgresqlPool]:
    pool = PostgresqlPool(pooled_url, size=8, session={"angarium.status_events": "on"})
    yield pool
    await pool.close()


@pytest.fixture
async def engine(pooled_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(pooled_url)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="module")
def session_pooler(servers_folder: Path, postgresql: PostgreSQL) -> Iterator[PgBouncer]:
    with PgBouncer(servers_folder / "pgbouncer-of-sessions", postgresql, mode="session") as pooler:
        yield pooler


@pytest.mark.parametrize(
    ("name", "value"), [("statement_timeout", "10s"), ("enable_seqscan", "off"), ("angarium.status_events", "on")]
)
async def test_each_statement_has_its_settings_whatever_session_it_gets(
    pool: PostgresqlPool, name: str, value: str
) -> None:
    statement = _SETTINGS.format(name=name)
    asked = await asyncio.gather(*(pool.fetch(statement, 0.01) for _ in range(40)))
    assert {row["value"] for [row] in asked} == {value}
    assert len({row["pid"] for [row] in asked}) > 1


async def test_no_setting_is_left_in_a_session(pool: PostgresqlPool, pooled_url: str) -> None:
    await asyncio.gather(*(pool.fetch("SELECT pg_sleep($1)", 0.05) for _ in range(8)))
    stranger = await asyncpg.connect(pooled_url, statement_cache_size=0)
    try:
        async with stranger.transaction():
            found = await stranger.fetchval("SELECT current_setting('statement_timeout')")
            prepared = await stranger.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''")
    finally:
        await stranger.close()
    assert (found, prepared) == ("0", 0)


async def test_a_refused_statement_costs_no_connection(pool: PostgresqlPool) -> None:
    for _ in range(20):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await pool.fetch("SELECT 1 / $1::int", 0)
    [row] = await pool.fetch("SELECT count(*) AS open FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
    assert row["open"] == 0


async def test_a_statement_is_given_up_in_time(pooled_url: str) -> None:
    pool = PostgresqlPool(pooled_url, size=1, patience=0.3)
    with pytest.raises(DatabaseUnavailable):
        await pool.fetch("SELECT pg_sleep($1)", 30.0)
    [row] = await pool.fetch("SELECT 1 AS one")
    await pool.close()
    assert row["one"] == 1


async def test_concurrent_queries_of_every_kind_meet_no_foreign_statement(engine: AsyncEngine) -> None:
    async def ask(number: int) -> int:
        opened = (reading, writing, querying)[number % 3]
        async with opened(engine) as connection:
            found = await connection.scalar(text(f"SELECT CAST(:n AS int) + {number % 7}"), {"n": number})
            return int(found or 0) - number % 7

    assert await asyncio.gather(*(ask(number) for number in range(200))) == list(range(200))


async def test_one_at_a_time_has_its_turn(engine: AsyncEngine, pooled_url: str) -> None:
    other = open_engine(pooled_url)
    async with alone(engine, KEY) as mine, alone(other, KEY) as theirs:
        assert (mine, theirs) == (True, False)
    async with alone(other, KEY) as theirs:
        assert theirs
    await other.dispose()


async def test_a_turn_holds_no_snapshot(engine: AsyncEngine, postgresql: PostgreSQL) -> None:
    async with alone(engine, KEY):
        held = await postgresql.sql(
            "SELECT count(*), count(backend_xmin) FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND objid = 4711"
        )
    assert held == "1|0"


async def test_processes_that_migrate_at_once_through_it_both_succeed(pooled_url: str) -> None:
    engines = [open_engine(pooled_url) for _ in range(2)]
    await asyncio.gather(*(upgrade(engine, MIGRATIONS) for engine in engines))
    assert await EngineReadiness(engines[0], MIGRATIONS).problem() is None
    for engine in engines:
        await engine.dispose()


@pytest.mark.parametrize("parameter", ["", "?pooler=session"])
async def test_a_pooler_of_sessions_is_served_too(
    session_pooler: PgBouncer, postgresql_url: str, parameter: str
) -> None:
    pool = PostgresqlPool(session_pooler.url_of(postgresql_url) + parameter, size=2)
    found = [await pool.fetch(_SETTINGS.format(name="statement_timeout"), 0.0) for _ in range(3)]
    await pool.close()
    assert {row["value"] for [row] in found} == {"10s"}


async def test_a_pooler_that_is_named_is_not_looked_for(postgresql_url: str) -> None:
    pool = PostgresqlPool(f"{postgresql_url}?pooler=transaction", size=1)
    [row] = await pool.fetch("SELECT current_setting('statement_timeout') AS value")
    [left] = await pool.fetch("SELECT count(*) AS prepared FROM pg_prepared_statements WHERE name <> ''")
    await pool.close()
    assert (row["value"], left["prepared"]) == ("10s", 0)
