"""The one writer of an SQLite file: a thread that runs whole transactions, one after the other.

SQLite has a single write lock. Waiting for it in a queue is fair and cheap; waiting for it by polling, as several
connections would, is neither. Work here is a plain function: no await can leave its transaction open.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

from angarium.platform.batching import GroupCommit
from angarium.platform.database.faults import DatabaseUnavailable, describe, is_unavailable
from angarium.platform.database.sqlite_connections import sqlite_pragmas

ResultT = TypeVar("ResultT")
Work = Callable[[sqlite3.Connection], Any]

_TOGETHER = 16
"""Works in one transaction, so that none holds the lock for long."""


class SqliteWriter:
    """One thread and one connection, opened at first use; connects again after a failure of the file.

    `beginning`: statements with which each connection begins.
    """

    def __init__(self, path: Path, *, beginning: Sequence[str] = ()) -> None:
        self._path = path
        self._beginning = (*sqlite_pragmas(), *beginning)
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-writer")
        self._waiting: GroupCommit[Work, Any] = GroupCommit(self._commit, limit=_TOGETHER, flushers=1)
        self._closed = False

    async def run(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """The result of `work`, executed in the thread in a transaction; committed when this returns.

        What waits when the last transaction ends shares the next one, in the order of the calls. Whatever `work`
        raises rolls all of it back and is raised here; its neighbours are then run again, each in a transaction of
        its own, so `work` may be called twice. Raises DatabaseUnavailable when the file cannot serve. A caller that
        is cancelled gives up the result; its work is done.
        """
        if self._closed:
            raise DatabaseUnavailable
        return cast("ResultT", await self._waiting.submit(work))

    async def query(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """The result of `work`, which makes one query: it takes its turn in the thread, and no lock.

        Raises DatabaseUnavailable when the file cannot serve.
        """
        if self._closed:
            raise DatabaseUnavailable
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._query, work)

    async def close(self) -> None:
        """Finish what is under way and close the file; idempotent."""
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
                raise DatabaseUnavailable(describe(error)) from error
            raise
        return results

    def _query(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        try:
            return work(self._connected())
        except sqlite3.Error as error:
            if is_unavailable(error):
                self._disconnect()
                raise DatabaseUnavailable(describe(error)) from error
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
