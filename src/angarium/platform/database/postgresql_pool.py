"""Raw asyncpg connections for hot statements, where a query layer would cost more than the query.

What runs here are single statements: each is its own transaction, and none leaves anything behind in its session, so a
connection needs no reset when it is given back.
"""

import asyncio
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

from angarium.contracts.errors import SettingsError
from angarium.platform.database.engine import (
    ANSWER_TIMEOUT,
    CONNECT_TIMEOUT,
    POOL_TIMEOUT,
    parse_database_url,
    postgresql_server_settings,
)
from angarium.platform.database.faults import DatabaseUnavailable, is_confused, is_unavailable


class Record(Protocol):
    """A row: values by column name."""

    def __getitem__(self, name: str) -> Any: ...


class PostgresqlPool:
    """At most `size` connections, opened when they are needed.

    `patience`: seconds that a server may be silent. `session`: settings that each connection begins with.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int,
        patience: float = ANSWER_TIMEOUT,
        setting: str = "DATABASE_URL",
        session: Mapping[str, str] | None = None,
    ) -> None:
        parsed = parse_database_url(url, setting=setting)
        if find_spec("asyncpg") is None:
            message = f"{setting} needs a driver that is not installed: asyncpg"
            raise SettingsError(message)
        self._dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        self._size = size
        self._patience = patience
        self._session = dict(session or {})
        self._pool: Any = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Record]:
        """The rows of one statement, committed. Raises DatabaseUnavailable; then it may have been committed or not.

        A statement that is wrong, or a value that PostgreSQL refuses, raises asyncpg's own error.
        """
        try:
            pool = self._pool or await self._open()
            async with pool.acquire(timeout=min(POOL_TIMEOUT, self._patience)) as connection:
                return await _fetch(connection, statement, arguments)
        except Exception as error:
            if is_unavailable(error):
                raise DatabaseUnavailable from error
            raise

    async def close(self) -> None:
        """Close every connection, at once where one does not answer; idempotent."""
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    async def _open(self) -> Any:
        async with self._opening:
            if self._closed:
                raise DatabaseUnavailable
            if self._pool is None:
                self._pool = await self._create()
            return self._pool

    async def _create(self) -> Any:
        import asyncpg  # noqa: PLC0415 - an optional driver: only who uses PostgreSQL has it

        return await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=self._size,
            max_queries=10_000_000,
            max_inactive_connection_lifetime=600,
            timeout=min(CONNECT_TIMEOUT, self._patience),
            command_timeout=self._patience,
            reset=_nothing_to_reset,
            server_settings=postgresql_server_settings() | PLANNING | self._session,
        )


PLANNING = {
    # Hot statements are planned once, often while the tables are still empty, when reading a table whole looks cheap.
    # They bound each table by its keys, so that they go by index and lock in the order of the keys, whatever the
    # tables' size; what is joined to them is hashed.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_nestloop": "off",
    "enable_mergejoin": "off",
}


async def _fetch(connection: Any, statement: str, arguments: Sequence[object]) -> Sequence[Record]:
    try:
        rows: Sequence[Record] = await connection.fetch(statement, *arguments)
    except Exception as error:
        if is_confused(error):
            connection.terminate()
        raise
    return rows


async def _nothing_to_reset(_connection: Any) -> None:
    return
