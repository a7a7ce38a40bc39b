"""Every test here runs over every database."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.database.engine import open_engine, writing
from angarium.platform.database.migrate import upgrade
from tests.conformance.store.backends import Backend
from tests.support.clock import ManualClock
from tests.support.servers import PostgreSQL

ResultT = TypeVar("ResultT")
_TABLES = ("notifications", "outbox", "dead_letters", "api_keys", "audit_log")
_MOMENTS = {
    "notifications": ("send_at", "expires_at", "lease_until", "due_at", "sweep_at", "created_at", "updated_at"),
    "outbox": ("available_at",),
    "dead_letters": ("failed_at",),
}


def _apart(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run to its end in a loop of its own: the fixtures of a session outlive each test's loop."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _migrated(url: str) -> str:
    engine = open_engine(url)
    try:
        await upgrade(engine, MIGRATIONS)
    finally:
        await engine.dispose()
    return url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("store") / "migrated.db"
    _apart(_migrated(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: PostgreSQL) -> str:
    """One database for all of these tests, emptied before each."""

    async def prepare() -> str:
        await postgresql.start()
        return await _migrated(await postgresql.create_database())

    return _apart(prepare())


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.distributed)])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    """An empty, migrated database with its store."""
    opened = await (_postgresql(request) if request.param == "postgresql" else _sqlite(request, tmp_path))
    yield opened
    await opened.close()


async def _sqlite(request: pytest.FixtureRequest, folder: Path) -> Backend:
    template: Path = request.getfixturevalue("migrated_sqlite")
    url = f"sqlite:///{shutil.copy(template, folder / 'notifications.db')}"
    clock = ManualClock()

    async def pass_time(duration: timedelta) -> None:
        await clock.advance(duration.total_seconds())

    return Backend(url, open_engine(url), clock, pass_time)


async def _postgresql(request: pytest.FixtureRequest) -> Backend:
    url: str = request.getfixturevalue("migrated_postgresql")
    server: PostgreSQL = request.getfixturevalue("postgresql")
    await server.start()
    engine = open_engine(url)
    async with writing(engine) as connection:
        await connection.execute(text(f"TRUNCATE {', '.join(_TABLES)}"))

    async def pass_time(duration: timedelta) -> None:
        await _shift(engine, duration)

    return Backend(url, engine, ManualClock(), pass_time)


async def _shift(engine: AsyncEngine, duration: timedelta) -> None:
    """PostgreSQL's clock cannot be moved: everything that happened or will moves back instead."""
    async with writing(engine) as connection:
        for table, columns in _MOMENTS.items():
            changes = ", ".join(f"{column} = {column} - CAST(:by AS interval)" for column in columns)
            await connection.execute(text(f"UPDATE {table} SET {changes}"), {"by": duration})  # noqa: S608 - ours
