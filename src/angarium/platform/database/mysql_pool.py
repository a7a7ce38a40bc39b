"""Raw asyncmy connections for hot statements on MariaDB and MySQL.

A single statement is its own transaction. Several statements run in `transaction`, which is retried as a whole when
InnoDB rolls it back to resolve a deadlock.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

from angarium.platform.database.deadlocks import TRIES
from angarium.platform.database.engine import mysql_arguments, parse_database_url
from angarium.platform.database.faults import (
    DatabaseUnavailable,
    ends_session,
    is_deadlock,
    is_refusal,
    is_unavailable,
    unavailable,
)
from angarium.platform.database.limits import ANSWER_TIMEOUT, LIFETIME, POOL_TIMEOUT
from angarium.platform.database.postgresql_connector import CONNECT_TIMEOUT
from angarium.platform.extras import require_package

ResultT = TypeVar("ResultT")
Row = Mapping[str, Any]


class Done(NamedTuple):
    """The result of a statement: its rows and the number of changed rows."""

    rows: Sequence[dict[str, Any]]
    changed: int


class Session:
    """A connection in a transaction, or for one statement."""

    def __init__(self, connection: Any, rows: Any) -> None:
        self._connection = connection
        self._rows = rows

    async def run(self, statement: str, *values: object) -> Done:
        """Run one statement; each `%s` is replaced by a value, a tuple by a list in parentheses."""
        cursor = self._connection.cursor(self._rows)
        await cursor.execute(statement, values or None)
        return Done(await cursor.fetchall() if cursor.description else (), cursor.rowcount)

    async def fetch(self, statement: str, *values: object) -> Sequence[dict[str, Any]]:
        """Run one statement and return its rows."""
        return (await self.run(statement, *values)).rows


Work = Callable[[Session], Awaitable[ResultT]]


class MysqlPool:
    """A pool of at most `size` connections, opened on demand.

    `patience`: seconds that a server may be silent. `beginning`: the first statement of each session.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int,
        patience: float = ANSWER_TIMEOUT,
        setting: str = "ANGARIUM_DATABASE_URL",
        beginning: str | None = None,
    ) -> None:
        parsed = parse_database_url(url, setting=setting)
        require_package("asyncmy", setting=setting)
        arguments = mysql_arguments(parsed, setting, patience=patience)
        self._arguments = arguments | {"database": parsed.database, "autocommit": True}
        self._size = size
        self._patience = patience
        self._beginning = beginning
        self._room = asyncio.Semaphore(size)
        self._open: dict[Any, float] = {}  # and when each was made
        self._idle: list[Any] = []
        self._closed = False

    async def run(self, statement: str, *values: object) -> Done:
        """Run and commit one statement; retried after a deadlock.

        Raises DatabaseUnavailable, after which it may have been committed or not. A wrong statement or a refused value
        raises asyncmy's own error.
        """

        async def work(session: Session) -> Done:
            return await session.run(statement, *values)

        return await self._with_tries(work, begin=False)

    async def transaction(self, work: Work[ResultT]) -> ResultT:
        """Run `work` in a transaction and return its result, committed; after a deadlock `work` is called again.

        Raises as `run`.
        """
        return await self._with_tries(work, begin=True)

    async def close(self) -> None:
        """Close every connection; one that does not answer is closed at once. Idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                for _ in range(self._size):
                    await self._room.acquire()
                await asyncio.gather(*(connection.ensure_closed() for connection in self._open))
        except TimeoutError:
            for connection in self._open:
                connection.close()

    def drop_idle(self) -> None:
        """Close the idle connections, so that new ones find the current server."""
        while self._idle:
            self._drop(self._idle.pop())

    async def _with_tries(self, work: Work[ResultT], *, begin: bool) -> ResultT:
        tries = 0
        while True:
            tries += 1
            try:
                async with self._connected() as connection:
                    return await self._work(connection, work, begin=begin)
            except Exception as error:
                if is_deadlock(error) and tries < TRIES:
                    continue
                if is_unavailable(error) and not isinstance(error, DatabaseUnavailable):
                    raise unavailable(error) from error
                raise

    async def _work(self, connection: Any, work: Work[ResultT], *, begin: bool) -> ResultT:
        from asyncmy.cursors import DictCursor  # noqa: PLC0415 - an extra

        session = Session(connection, DictCursor)
        if not begin:
            return await work(session)
        await connection.begin()
        try:
            result = await work(session)
        except Exception as error:
            if _leaves_good(error):  # a lock timeout ends only the statement
                await connection.rollback()
            raise
        await connection.commit()
        return result

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        """Borrow a connection. It returns to the pool only if it is certain to be usable."""
        await self._enter()
        try:
            connection = await self._connection()
            try:
                async with asyncio.timeout(self._patience):
                    yield connection
            except BaseException as error:
                if not _leaves_good(error):
                    self._drop(connection)
                    if ends_session(error):
                        self.drop_idle()  # they lead to the same server
                else:
                    self._idle.append(connection)
                raise
            self._idle.append(connection)
        finally:
            self._room.release()

    async def _enter(self) -> None:
        """Acquire one of the `size` slots."""
        if self._closed:
            raise DatabaseUnavailable
        async with asyncio.timeout(min(POOL_TIMEOUT, self._patience)):
            await self._room.acquire()

    async def _connection(self) -> Any:
        """The most recently used connection; a new one if there is none or it is too old."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            # Its public API only shows whether it is open; that the server closed it is visible only here.
            if not connection._stream_broken and now - self._open[connection] < LIFETIME:  # noqa: SLF001
                return connection
            self._drop(connection)
        connection = await self._connect()
        self._open[connection] = now
        return connection

    async def _connect(self) -> Any:
        import asyncmy  # noqa: PLC0415 - an extra

        async with asyncio.timeout(min(CONNECT_TIMEOUT, self._patience)):
            connection: Any = await asyncmy.connect(**self._arguments)
            try:
                if self._beginning is not None:
                    await connection.query(self._beginning)
            except BaseException:
                connection.close()
                raise
            return connection

    def _drop(self, connection: Any) -> None:
        self._open.pop(connection, None)
        connection.close()


def _from_driver(error: BaseException) -> bool:
    return type(error).__module__.startswith("asyncmy")


def _leaves_good(error: BaseException) -> bool:
    """Whether a connection can be reused after `error`: true for a refused statement and for errors of our own code."""
    if not isinstance(error, Exception) or isinstance(error, TimeoutError | OSError):
        return False
    return (is_refusal(error) and not ends_session(error)) if _from_driver(error) else True
