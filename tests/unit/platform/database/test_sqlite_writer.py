"""The one writer: whole transactions, in order, in their thread."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.database.sqlite_writer import SqliteWriter


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[SqliteWriter]:
    opened = SqliteWriter(tmp_path / "x.db")
    await opened.run(lambda connection: connection.execute("CREATE TABLE t (n INTEGER)").rowcount)
    yield opened
    await opened.close()


def _insert(connection: sqlite3.Connection, number: int) -> int:
    return connection.execute("INSERT INTO t VALUES (?)", (number,)).rowcount


def _numbers(connection: sqlite3.Connection) -> list[int]:
    return [row["n"] for row in connection.execute("SELECT n FROM t ORDER BY rowid")]


async def test_transactions_run_in_the_order_of_their_calls(writer: SqliteWriter) -> None:
    await asyncio.gather(*(writer.run(lambda c, n=n: _insert(c, n)) for n in range(50)))  # type: ignore[misc]
    assert await writer.run(_numbers) == list(range(50))


async def test_all_of_it_or_nothing(writer: SqliteWriter) -> None:
    def work(connection: sqlite3.Connection) -> None:
        _insert(connection, 1)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await writer.run(work)
    assert await writer.run(_numbers) == []


async def test_a_wrong_statement_raises_and_the_next_one_works(writer: SqliteWriter) -> None:
    with pytest.raises(sqlite3.OperationalError, match="nonsense"):
        await writer.run(lambda connection: connection.execute("nonsense").rowcount)
    assert await writer.run(lambda connection: _insert(connection, 1)) == 1


async def test_it_has_one_thread_of_its_own(writer: SqliteWriter) -> None:
    threads = await asyncio.gather(*(writer.run(lambda _: threading.get_ident()) for _ in range(5)))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


async def test_a_file_that_cannot_be_opened_is_unavailable_until_it_can(tmp_path: Path) -> None:
    writer = SqliteWriter(tmp_path / "missing" / "x.db")
    with pytest.raises(DatabaseUnavailable):
        await writer.run(_numbers)
    (tmp_path / "missing").mkdir()
    assert await writer.run(lambda connection: connection.execute("SELECT 7 AS n").fetchone()["n"]) == 7
    await writer.close()


async def test_closed_it_is_unavailable_and_closes_again(writer: SqliteWriter) -> None:
    await writer.close()
    await writer.close()
    with pytest.raises(DatabaseUnavailable):
        await writer.run(_numbers)
