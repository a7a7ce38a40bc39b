"""Raw asyncpg connections for hot statements, for which a query layer would cost more than the query.

Only single statements run here. Each is its own transaction and leaves no session state, so a connection needs no reset
when it returns to the pool. The driver's pool does more work per connection than a statement costs. Behind a pooler in
transaction mode further calls begin and commit the transaction.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from angarium.platform.database.engine import parse_database_url, postgresql_server_settings
from angarium.platform.database.faults import DatabaseUnavailable, ends_session, is_unavailable, unavailable
from angarium.platform.database.limits import ANSWER_TIMEOUT, LIFETIME, POOL_TIMEOUT
from angarium.platform.database.postgresql_address import parse_postgresql_address
from angarium.platform.database.postgresql_connector import CONNECT_TIMEOUT, Connector
from angarium.platform.extras import require_package


class Record(Protocol):
    """A row: values by column name."""

    def __getitem__(self, name: str) -> Any: ...


class PostgresqlPool:
    """A pool of at most `size` connections, opened on demand.

    `patience`: seconds that a server may be silent. `session`: initial settings of each connection.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int,
        patience: float = ANSWER_TIMEOUT,
        setting: str = "ANGARIUM_DATABASE_URL",
        session: Mapping[str, str] | None = None,
    ) -> None:
        parse_database_url(url, setting=setting)
        require_package("asyncpg", setting=setting)
        settings = postgresql_server_settings() | PLANNING | dict(session or {})
        self._connector = Connector(parse_postgresql_address(url, setting=setting), settings, patience)
        self._size = size
        self._patience = patience
        self._room = asyncio.Semaphore(size)
        self._open: dict[Any, float] = {}  # and when each was made
        self._idle: list[Any] = []
        self._closed = False

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Record]:
        """Run and commit one statement and return its rows.

        Raises DatabaseUnavailable, after which it may have been committed.

        A wrong statement or a refused value raises asyncpg's own error.
        """
        try:
            await self._enter()
            try:
                return await self._fetch(await self._connection(), statement, arguments)
            finally:
                self._room.release()
        except Exception as error:
            if is_unavailable(error):
                raise unavailable(error) from error
            raise

    async def close(self) -> None:
        """Close every connection; one that does not answer is closed at once. Idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                for _ in range(self._size):
                    await self._room.acquire()
                await asyncio.gather(*(connection.close() for connection in self._open))
        except TimeoutError:
            for connection in self._open:
                connection.terminate()

    async def _enter(self) -> None:
        """Acquire one of the `size` slots."""
        if not self._closed and self._room.locked():
            async with asyncio.timeout(min(POOL_TIMEOUT, self._patience)):
                await self._room.acquire()
        elif not self._closed:
            await self._room.acquire()  # at once
        else:
            raise DatabaseUnavailable

    async def _connection(self) -> Any:
        """The most recently used connection; a new one if there is none or it is too old."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed() and now - self._open[connection] < LIFETIME:
                return connection
            self._drop(connection)
        connection = await self._connector.connect()
        self._open[connection] = now
        return connection

    async def _fetch(self, connection: Any, statement: str, arguments: Sequence[object]) -> Sequence[Record]:
        try:
            if self._connector.pooled:
                rows = await self._fetch_in_transaction(connection, statement, arguments)
            else:
                rows = await connection.fetch(statement, *arguments)
        except BaseException as error:
            if getattr(error, "sqlstate", None) is None:
                # Not the server's answer: the connection's state is unknown.
                self._drop(connection)
            elif ends_session(error):
                self._drop(connection)
                self.drop_idle()  # they lead to the same server
            else:
                self._idle.append(connection)
            raise
        self._idle.append(connection)
        return rows

    async def _fetch_in_transaction(
        self, connection: Any, statement: str, arguments: Sequence[object]
    ) -> Sequence[Record]:
        await connection.execute(self._connector.begin)
        try:
            rows: Sequence[Record] = await connection.fetch(statement, *arguments)
        except Exception as error:
            if getattr(error, "sqlstate", None) is not None and not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")
        return rows

    def drop_idle(self) -> None:
        """Close the idle connections, so that new ones find the current server."""
        while self._idle:
            self._drop(self._idle.pop())

    def _drop(self, connection: Any) -> None:
        self._open.pop(connection, None)
        connection.terminate()


PLANNING = {
    # Hot statements are planned once, often while tables are empty and a sequential scan looks cheap. They restrict
    # each table by its keys, so that they use an index and lock in the order of the keys whatever the tables' size;
    # joins to them use hashes.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_nestloop": "off",
    "enable_mergejoin": "off",
}
