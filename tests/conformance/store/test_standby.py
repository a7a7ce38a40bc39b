"""A PostgreSQL with a standby: the fail-over of a URL with two hosts, and reads on the standby."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.platform.database.engine import open_engine, writing
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.database.postgresql_pool import PostgresqlPool
from angarium.platform.database.replica import PATIENCE, Replica
from tests.support.servers import PostgreSQL, Standby
from tests.support.wait import until

pytestmark = pytest.mark.distributed

BACK_WITHIN = 20.0
Servers = tuple[PostgreSQL, Standby]
Insert = Callable[[int], Awaitable[object]]


@pytest.fixture
async def servers(servers_folder: Path, tmp_path: Path) -> AsyncIterator[Servers]:
    """A primary and its standby, for one test."""
    with PostgreSQL(servers_folder / f"{tmp_path.name}-primary") as primary:
        await primary.sql("CREATE TABLE seen (n integer PRIMARY KEY)")
        with Standby(servers_folder / f"{tmp_path.name}-standby", primary) as standby:
            yield primary, standby


@pytest.fixture
async def pool(servers: Servers) -> AsyncIterator[PostgresqlPool]:
    opened = PostgresqlPool(_both(servers), size=2, patience=2.0)
    yield opened
    await opened.close()


@pytest.fixture
async def engine(servers: Servers) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(_both(servers), pool_size=2)
    yield opened
    await opened.dispose()


@pytest.fixture(params=["pool", "engine"])
def insert(request: pytest.FixtureRequest, pool: PostgresqlPool, engine: AsyncEngine) -> Insert:
    """Writes a row, by the way of hot statements or that of the others."""

    async def by_engine(number: int) -> None:
        async with writing(engine) as connection:
            await connection.execute(text("INSERT INTO seen VALUES (:n)"), {"n": number})

    async def by_pool(number: int) -> None:
        await pool.fetch("INSERT INTO seen VALUES ($1)", number)

    return by_pool if request.param == "pool" else by_engine


def _both(servers: Servers, attributes: str = "read-write") -> str:
    """The standby first, so that the order alone does not find the primary."""
    primary, standby = servers
    hosts = f"127.0.0.1:{standby.port},127.0.0.1:{primary.port}"
    return f"postgresql://postgres@{hosts}/postgres?target_session_attrs={attributes}"


async def _comes_back(insert: Insert, number: int) -> None:
    """Insert again and again; nothing but DatabaseUnavailable may come in between."""

    async def inserted() -> bool:
        try:
            await insert(number)
        except DatabaseUnavailable:
            return False
        return True

    await until(inserted, BACK_WITHIN, message="a write is taken")


@pytest.mark.fault(62)
async def test_when_the_primary_dies_writes_go_to_the_promoted_standby(servers: Servers, insert: Insert) -> None:
    primary, standby = servers
    await insert(1)
    await standby.catch_up()
    await primary.kill()
    with pytest.raises(DatabaseUnavailable):
        await insert(2)
    await standby.promote()
    await _comes_back(insert, 3)
    assert await standby.sql("SELECT count(*) FROM seen WHERE n IN (1, 3)") == "2"


@pytest.mark.fault(62)
async def test_a_primary_that_was_made_read_only_is_left(servers: Servers, insert: Insert) -> None:
    primary, standby = servers
    await insert(1)
    await standby.catch_up()
    await standby.promote()
    await primary.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    await primary.sql("SELECT pg_reload_conf()")
    await _comes_back(insert, 3)
    await _comes_back(insert, 4)
    assert int(await standby.sql("SELECT count(*) FROM seen")) >= 2


async def _where(connection: AsyncConnection) -> str:
    return "standby" if await connection.scalar(text("SELECT pg_is_in_recovery()")) else "primary"


@pytest.fixture
async def replica(servers: Servers) -> AsyncIterator[Replica]:
    engines = [open_engine(server.url) for server in servers]
    yield Replica(engines[0], engines[1], rest=0.2)
    for engine in engines:
        await engine.dispose()


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_reads_leave_a_standby_that_is_away_and_return_to_it(
    how: str, servers: Servers, replica: Replica
) -> None:
    _, standby = servers
    assert await replica.read(_where) == "standby"
    await getattr(standby, how)()
    started = time.monotonic()
    assert await replica.read(_where) == "primary"
    assert time.monotonic() - started < PATIENCE + 1
    await standby.start()

    async def returned() -> bool:
        return await replica.read(_where) == "standby"

    await until(returned, BACK_WITHIN)


async def test_reads_leave_a_standby_that_lacks_a_column(servers: Servers, replica: Replica) -> None:
    primary, standby = servers
    await replica.read(_where)
    await standby.catch_up()
    await standby.sql("SELECT pg_wal_replay_pause()")
    await primary.sql("ALTER TABLE seen ADD COLUMN newer integer")

    async def count(connection: AsyncConnection) -> int | None:
        found: int | None = await connection.scalar(text("SELECT count(newer) FROM seen"))
        return found

    assert await replica.read(count) == 0


async def test_concurrent_reads_of_a_hanging_standby_wait_once(servers: Servers, replica: Replica) -> None:
    await replica.read(_where)
    await servers[1].freeze()
    started = time.monotonic()
    await asyncio.gather(*(replica.read(_where) for _ in range(20)))
    assert time.monotonic() - started < PATIENCE + 1
