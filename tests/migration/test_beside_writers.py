"""A large database is migrated while others write to it, and no writer is held up."""

import asyncio
import itertools
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.database import migrate
from angarium.platform.database.engine import migration_engine, open_engine, reading, writing
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.database.migrate import is_current, upgrade
from tests.support.servers import PostgreSQL

pytestmark = pytest.mark.distributed

ROWS = 200_000
LONGEST = 2.0
"""Seconds that an insert may take while the schema changes."""
_FILL = f"""
INSERT INTO notifications (id, tenant, caller, request_id, fingerprint, channel, template_code, template_version,
    locale, priority, variables, metadata, policy, correlation_id, fallback, status, attempts, events, created_at,
    updated_at)
SELECT gen_random_uuid(), 'acme', 'shop', 'old-' || n, 'f', 'email', 'welcome', 1, 'en', 5, '{{}}',
    jsonb_build_object('order', n, 'shop', 'north'), 'at_least_once', 'c', '[]', 'sent', 1, '[]', now(), now()
FROM generate_series(1, {ROWS}) n
"""  # noqa: S608 - ours
_ONE = (
    _FILL.partition("FROM generate_series")[0]
    .replace("'old-' || n", ":request_id")
    .replace("'order', n", "'order', 'new'")
)
_LETTERS = f"""
INSERT INTO dead_letters (id, tenant, notification_id, channel, reason_code, reason_message, attempts, failed_at)
SELECT gen_random_uuid(), 'acme', gen_random_uuid(), 'email', 'permanent', '', 1, now()
FROM generate_series(1, {ROWS}) n
"""  # noqa: S608 - ours


@pytest.fixture
async def engine(postgresql: PostgreSQL) -> AsyncIterator[AsyncEngine]:
    await postgresql.start()
    opened = open_engine(await postgresql.create_database(), pool_size=4)
    yield opened
    await opened.dispose()


def _url(engine: AsyncEngine) -> str:
    return engine.url.render_as_string(hide_password=False).replace("+asyncpg", "")


def _up_to(revision: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of our migrations up to `revision`."""
    name = f"migrations_up_to_{revision}"
    versions = folder / name / "versions"
    versions.mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    for entry in files(f"{MIGRATIONS}.versions").iterdir():
        if entry.name.endswith(".py") and entry.name[:4] <= revision:
            shutil.copy(str(entry), versions / entry.name)
    monkeypatch.syspath_prepend(folder)
    return name


async def _insert(engine: AsyncEngine, waits: list[float]) -> None:
    """As the version before the migration does, which knows no newer column."""
    for number in itertools.count():
        begun = time.monotonic()
        async with writing(engine) as connection:
            await connection.execute(text(_ONE), {"request_id": f"new-{number}"})
        waits.append(time.monotonic() - begun)


@pytest.mark.slow
@pytest.mark.parametrize("revision", ["0003", "0004"])
@pytest.mark.fault(51)
@pytest.mark.long  # it measures time, which needs a machine with nothing else to do
async def test_no_insert_waits_long_while_a_large_database_is_migrated(
    revision: str, engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(engine, _up_to(revision, tmp_path, monkeypatch))
    unlimited = migration_engine(engine)
    async with writing(unlimited) as connection:
        for statement in (_FILL, _LETTERS):
            await connection.execute(text(statement))
    await unlimited.dispose()
    async with AsyncExitStack() as stack:
        writer = open_engine(_url(engine), pool_size=2)
        stack.push_async_callback(writer.dispose)
        waits: list[float] = []
        inserting = asyncio.create_task(_insert(writer, waits))
        reading_long = asyncio.create_task(_read_for(engine, 3.0))  # what changes the table must wait for
        await upgrade(engine, MIGRATIONS)
        inserting.cancel()
        await asyncio.gather(inserting, return_exceptions=True)
        await reading_long
    assert len(waits) > 20
    assert max(waits) < LONGEST
    assert await is_current(engine, MIGRATIONS)
    async with reading(engine) as connection:
        kept = await connection.scalar(text("SELECT count(*) FROM notification_metadata WHERE name = 'order'"))
        new = await connection.scalar(text("SELECT count(*) FROM notifications"))
        broken = await connection.scalar(text("SELECT count(*) FROM pg_index WHERE NOT indisvalid"))
    assert (kept, broken) == (new, 0)


async def _read_for(engine: AsyncEngine, seconds: float) -> None:
    async with reading(engine) as connection:
        await connection.execute(text("SELECT 1 FROM notifications LIMIT 1"))
        await connection.execute(text(f"SELECT pg_sleep({seconds})"))


@pytest.mark.fault(51)
async def test_a_lock_that_others_hold_is_given_up_and_tried_again(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(engine, _up_to("0005", tmp_path, monkeypatch))
    blocked = asyncio.create_task(_read_for(engine, 2.5))
    await _until_read(engine)
    migrating = asyncio.create_task(upgrade(engine, MIGRATIONS))
    async with writing(engine) as connection:  # would wait behind the migration, if that waited for its lock
        await connection.execute(text("SET LOCAL lock_timeout = '1500ms'"))
        await connection.execute(text("DELETE FROM notifications"))
    await migrating
    await blocked
    assert await is_current(engine, MIGRATIONS)


async def _until_read(engine: AsyncEngine) -> None:
    query = "SELECT count(*) FROM pg_locks WHERE relation = 'notifications'::regclass AND pid <> pg_backend_pid()"
    while True:
        async with reading(engine) as connection:
            if await connection.scalar(text(query)):
                return


async def test_a_lock_that_is_never_released_is_an_error(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(engine, _up_to("0005", tmp_path, monkeypatch))
    monkeypatch.setattr(migrate, "_LOCK_TRIES", 2)
    blocked = asyncio.create_task(_read_for(engine, 4.0))
    await _until_read(engine)
    with pytest.raises(DatabaseUnavailable, match="55P03"):
        await upgrade(engine, MIGRATIONS)
    await blocked
    await upgrade(engine, MIGRATIONS)


async def test_an_invalid_index_is_rebuilt(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(engine, _up_to("0006", tmp_path, monkeypatch))
    async with writing(engine) as connection:
        await connection.execute(text("CREATE INDEX ix_dead_letters_notification_id ON dead_letters (notification_id)"))
        await connection.execute(
            text(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_dead_letters_notification_id'::regclass"
            )
        )
    await upgrade(engine, MIGRATIONS)
    async with reading(engine) as connection:
        made = await connection.scalar(text("SELECT pg_get_indexdef('ix_dead_letters_notification_id'::regclass)"))
        valid = await connection.scalar(text("SELECT bool_and(indisvalid) FROM pg_index"))
    assert valid
    assert "IS NOT NULL" in str(made)


async def test_migration_0004_may_be_run_again_from_its_beginning(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its triggers are committed before it has filled the search."""
    await upgrade(engine, _up_to("0004", tmp_path, monkeypatch))
    async with writing(engine) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    await upgrade(engine, MIGRATIONS)
    assert await is_current(engine, MIGRATIONS)


async def test_processes_that_migrate_at_once_do_it_once(engine: AsyncEngine) -> None:
    engines = [open_engine(_url(engine)) for _ in range(3)]
    await asyncio.gather(*(upgrade(one, MIGRATIONS) for one in engines))
    assert await is_current(engine, MIGRATIONS)
    for one in engines:
        await one.dispose()
