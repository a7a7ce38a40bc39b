"""The readiness of a database behind an engine: its schema, and that it takes writes."""

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import text

from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.database import readiness
from angarium.platform.database.engine import open_engine, writing
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.database.readiness import EngineReadiness
from tests.support.migrated import upgraded
from tests.support.servers import PostgreSQL


async def _read_only(postgresql: PostgreSQL, url: str, change: str) -> None:
    name = url.rpartition("/")[2]
    await postgresql.sql(f'ALTER DATABASE "{name}" {change}')


@pytest.mark.distributed
async def test_sessions_that_began_read_only_are_left_once_the_server_writes_again(
    postgresql: PostgreSQL, postgresql_url: str
) -> None:
    first = open_engine(postgresql_url)
    await upgraded(first, MIGRATIONS)
    await first.dispose()
    engine = open_engine(postgresql_url, pool_size=3)
    check = EngineReadiness(engine, MIGRATIONS)
    assert await check.problem() is None
    await engine.dispose()
    await _read_only(postgresql, postgresql_url, "SET default_transaction_read_only = on")

    async def write() -> None:
        async with writing(engine) as connection:
            await connection.execute(text("DELETE FROM tenants"))

    refused = await asyncio.gather(*(write() for _ in range(3)), return_exceptions=True)
    assert {type(error) for error in refused} == {DatabaseUnavailable}
    assert await check.problem() == "the server is read-only"
    await _read_only(postgresql, postgresql_url, "RESET default_transaction_read_only")
    await write()
    assert await check.problem() is None
    await engine.dispose()


@pytest.mark.distributed
async def test_down_or_without_a_schema_it_says_so(postgresql: PostgreSQL, postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    check = EngineReadiness(engine, MIGRATIONS)
    assert await check.problem() == readiness.SCHEMA_PROBLEM
    await upgraded(engine, MIGRATIONS)
    assert await check.problem() is None
    await postgresql.kill()
    assert await check.problem() is not None
    await postgresql.start()
    await asyncio.gather(check.problem())
    assert await check.problem() is None
    await engine.dispose()


async def test_a_full_disk_is_a_problem_under_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/n.db")
    await upgraded(engine, MIGRATIONS)
    check = EngineReadiness(engine, MIGRATIONS)
    assert await check.problem() is None
    fields = list(os.statvfs(tmp_path))
    fields[4] = 3  # free blocks for other than root
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(fields))
    assert await check.problem() == "the disk is full"
    await engine.dispose()
