"""Every test here runs over every database."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.database.engine import open_engine
from angarium.platform.database.migrate import upgrade
from tests.conformance.store.backends import Backend, open_mariadb, open_postgresql, open_sqlite
from tests.support.servers import MariaDB, PgBouncer, PostgreSQL

ResultT = TypeVar("ResultT")


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


@pytest.fixture(scope="session")
def migrated_mariadb(mariadb: MariaDB) -> str:
    """As `migrated_postgresql`."""

    async def prepare() -> str:
        await mariadb.start()
        return await _migrated(await mariadb.create_database())

    return _apart(prepare())


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.distributed),
        pytest.param("pgbouncer", marks=pytest.mark.distributed),
        pytest.param("mariadb", marks=pytest.mark.distributed),
    ]
)
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    """An empty, migrated database with its store."""
    if request.param == "mariadb":
        await request.getfixturevalue("mariadb").start()
        opened = await open_mariadb(request.getfixturevalue("migrated_mariadb"))
    elif request.param != "sqlite":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url: str = request.getfixturevalue("migrated_postgresql")
        await server.start()
        if request.param == "pgbouncer":
            pooler: PgBouncer = request.getfixturevalue("pgbouncer")
            await pooler.start()
            url = pooler.url_of(url)
        opened = await open_postgresql(url)
    else:
        template: Path = request.getfixturevalue("migrated_sqlite")
        opened = open_sqlite(Path(shutil.copy(template, tmp_path / "notifications.db")))
    yield opened
    await opened.close()
