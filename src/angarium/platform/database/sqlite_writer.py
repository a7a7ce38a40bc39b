"""The single writer of an SQLite file: a thread that runs transactions one after the other.

SQLite has one write lock. Waiting for it in a queue is fair and cheap; polling, as several connections would do, is
neither. Other processes with the same file take turns (`sqlite_turns`). Work here is a plain function, so no await can
leave its transaction open.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

from angarium.platform.batching import GroupCommit
from angarium.platform.database.faults import DatabaseUnavailable, is_unavailable, unavailable
from angarium.platform.database.sqlite_connections import sqlite_pragmas
from angarium.platform.database.sqlite_turns import Turns

ResultT = TypeVar("ResultT")
Work = Callable[[sqlite3.Connection], Any]

_TOGETHER = 16
"""Calls per transaction, so that none holds the lock for long."""


class SqliteWriter:
    """One thread and one connection, opened at first use and again after a failure of the file.

    `beginning`: the first statements of each connection.
    """

    def __init__(self, path: Path, *, beginning: Sequence[str] = ()) -> None:
        self._path = path
        self._turns = Turns(path)
        self._beginning = (*sqlite_pragmas(), *beginning)
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-writer")
        self._waiting: GroupCommit[Work, Any] = GroupCommit(self._commit, limit=_TOGETHER, flushers=1)
        self._closed = False

    async def run(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Run `work` in the thread in a transaction, and return its result once it is committed.

        Calls that wait when a transaction ends share the next one, in order. If `work` raises, that transaction is
        rolled back and the error is raised here; the other calls run again, each in its own transaction, so `work` may
        be called twice. Raises DatabaseUnavailable when the file cannot be used. Cancelling a caller discards the
        result; its work still runs.
        """
        if self._closed:
            raise DatabaseUnavailable
        return cast("ResultT", await self._waiting.submit(work))

    async def query(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Run `work`, a single query, in the thread and return its result. Takes no lock.

        Raises DatabaseUnavailable when the file cannot be used.
        """
        if self._closed:
            raise DatabaseUnavailable
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._query, work)

    async def close(self) -> None:
        """Finish the running work and close the file. Idempotent."""
        if not self._closed:
            self._closed = True
            await self._waiting.drain()
            await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
            self._thread.shutdown(wait=False)

    async def _commit(self, works: Sequence[Work]) -> Sequence[Any]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, works)

    def _transaction(self, works: Sequence[Work]) -> Sequence[Any]:
        try:
            connection = self._connected()
            with self._turns.taken():
                connection.execute("BEGIN IMMEDIATE")
                try:
                    results = [work(connection) for work in works]
                    connection.execute("COMMIT")
                except BaseException:
                    _roll_back(connection)
                    raise
        except sqlite3.Error as error:
            if is_unavailable(error):
                self._disconnect()
                raise unavailable(error) from error
            raise
        return results

    def _query(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        try:
            return work(self._connected())
        except sqlite3.Error as error:
            if is_unavailable(error):
                self._disconnect()
                raise unavailable(error) from error
            raise

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=256)
            connection.row_factory = sqlite3.Row
            try:
                for statement in self._beginning:
                    connection.execute(statement)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # SQLite itself rolls back after some errors (disk full, I/O)
        connection.execute("ROLLBACK")
