"""The one writer: whole transactions, in order, in their thread."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
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


async def test_what_waits_shares_a_transaction_in_the_order_of_the_calls(writer: SqliteWriter) -> None:
    statements: list[str] = []
    await writer.run(lambda c: c.set_trace_callback(statements.append))
    numbers = [2, 1, 3]
    await asyncio.gather(*(writer.run(lambda c, n=n: _insert(c, n)) for n in numbers))  # type: ignore[misc]
    assert (statements.count("BEGIN IMMEDIATE"), statements.count("COMMIT")) == (1, 2)
    assert await writer.run(_numbers) == [2, 1, 3]


async def test_a_failing_write_does_not_fail_the_others_of_its_batch(writer: SqliteWriter) -> None:
    def fail(connection: sqlite3.Connection) -> int:
        _insert(connection, 7)
        raise KeyError("mine")

    good = (writer.run(lambda c, n=n: _insert(c, n)) for n in (1, 2))  # type: ignore[misc]
    told = await asyncio.gather(next(good), writer.run(fail), next(good), return_exceptions=True)
    assert (told[0], type(told[1]), told[2]) == (1, KeyError, 1)
    assert await writer.run(_numbers) == [1, 2]


async def test_writers_resume_only_after_the_commit(writer: SqliteWriter, tmp_path: Path) -> None:
    def seen() -> int:
        with closing(sqlite3.connect(tmp_path / "x.db")) as other:
            return int(other.execute("SELECT count(*) FROM t").fetchone()[0])

    async def insert(number: int) -> int:
        await writer.run(lambda c: _insert(c, number))
        return seen()

    assert await asyncio.gather(*map(insert, range(5))) == [5] * 5


async def test_what_was_asked_before_the_close_is_done(writer: SqliteWriter, tmp_path: Path) -> None:
    asked = [asyncio.create_task(writer.run(lambda c, n=n: _insert(c, n))) for n in range(40)]  # type: ignore[misc]
    await asyncio.sleep(0)
    await writer.close()
    assert await asyncio.gather(*asked) == [1] * 40


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
