"""Several writers of one SQLite file wait for each other in turns, whatever load the others have."""

import asyncio
import fcntl
import sqlite3
import stat
import threading
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from angarium.platform.database.engine import open_engine
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.database.sqlite_turns import SUFFIX, Turns
from angarium.platform.database.sqlite_writer import SqliteWriter
from tests.support.wait import until

LOAD_SECONDS = 2.0
FAIR = 1.0
"""Seconds within which each write is done while another side writes without a pause."""
HOLDS = 0.01
"""Seconds for which a transaction of the load holds the lock, as on a slow disk."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (n INTEGER)")
    return file


@pytest.fixture
async def writers(path: Path) -> AsyncIterator[list[SqliteWriter]]:
    """Two, as in two processes: each has its own thread, connection and turns."""
    opened = [SqliteWriter(path), SqliteWriter(path)]
    yield opened
    for writer in opened:
        await writer.close()


def _slow_write(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO t VALUES (1)")
    time.sleep(HOLDS)


async def _load(writer: SqliteWriter, stop: asyncio.Event) -> float:
    """Write without a pause; the longest wait."""
    longest = 0.0
    while not stop.is_set():
        began = time.monotonic()
        await writer.run(_slow_write)
        longest = max(longest, time.monotonic() - began)
    return longest


async def test_two_writers_under_load_wait_no_longer_than_a_second(writers: list[SqliteWriter]) -> None:
    stop = asyncio.Event()
    loads = [asyncio.create_task(_load(writer, stop)) for writer in writers for _ in range(4)]
    await asyncio.sleep(LOAD_SECONDS)
    stop.set()
    assert max(await asyncio.gather(*loads)) < FAIR


async def test_an_engine_writes_beside_two_writers_under_load(writers: list[SqliteWriter], path: Path) -> None:
    stop = asyncio.Event()
    loads = [asyncio.create_task(_load(writer, stop)) for writer in writers]
    engine = open_engine(f"sqlite:///{path}")
    longest = 0.0
    for _ in range(20):
        began = time.monotonic()
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO t VALUES (2)"))
        longest = max(longest, time.monotonic() - began)
    stop.set()
    await asyncio.gather(*loads)
    await engine.dispose()
    assert longest < FAIR


async def test_a_cancelled_wait_for_a_turn_leaves_it_to_the_others(path: Path) -> None:
    engine, writer = open_engine(f"sqlite:///{path}"), SqliteWriter(path)

    async def write() -> None:
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO t VALUES (2)"))

    with Turns(path).taken():
        waiting = asyncio.create_task(write())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait({waiting})
    async with asyncio.timeout(FAIR):
        await writer.run(_slow_write)
        await write()
    await writer.close()
    await engine.dispose()
    assert waiting.cancelled()


async def test_connections_do_not_wait_longer_than_the_timeout_for_a_turn(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("angarium.platform.database.sqlite_turns.LOCK_TIMEOUT", 0.2)
    monkeypatch.setattr("angarium.platform.database.sqlite_turns.MOST_WAITING", 2)
    engine = open_engine(f"sqlite:///{path}", pool_size=5)

    async def write() -> None:
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO t VALUES (2)"))

    with Turns(path).taken():  # by a process that is stopped between its lock and SQLite's
        await asyncio.wait_for(asyncio.gather(*(write() for _ in range(5))), 2)
        assert sum(thread.name == "sqlite-turn" for thread in threading.enumerate()) == 2
    await until(lambda: all(thread.name != "sqlite-turn" for thread in threading.enumerate()))
    await asyncio.wait_for(write(), 2)
    await engine.dispose()


async def test_a_failed_transaction_ends_its_turn(path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (1)")
        raise KeyError("mine")

    one, other = SqliteWriter(path), SqliteWriter(path)
    with pytest.raises(KeyError):
        await one.run(fail)
    await asyncio.wait_for(other.run(_slow_write), FAIR)
    await one.close()
    await other.close()


async def test_the_lock_of_sqlite_decides(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("angarium.platform.database.sqlite_connections.LOCK_TIMEOUT", 0.1)
    writer = SqliteWriter(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:  # takes no turns
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable, match="locked"):
            await writer.run(_slow_write)
        stranger.execute("ROLLBACK")
    await writer.run(_slow_write)
    await writer.close()


async def test_without_turns_writes_go_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_descriptor: int, _kind: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    writer = SqliteWriter(path)
    await writer.run(_slow_write)
    await writer.close()


async def test_the_file_of_turns_is_private_and_empty(path: Path) -> None:
    with Turns(path).taken():
        file = path.with_name(path.name + SUFFIX)
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_size) == (0o600, 0)


async def test_turns_leave_no_descriptor_open(path: Path) -> None:
    def open_files() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    engine = open_engine(f"sqlite:///{path}")
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO t VALUES (1)"))
    before = open_files()
    for _ in range(10):
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO t VALUES (1)"))
    await until(lambda: open_files() <= before)
    await engine.dispose()
