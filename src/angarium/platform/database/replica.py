"""Reads that tolerate replication lag, served by a replica."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.platform.database.engine import open_engine, reading
from angarium.platform.database.faults import DatabaseUnavailable, describe
from angarium.platform.telemetry.logging import Logger

ResultT = TypeVar("ResultT")
Query = Callable[[AsyncConnection], Awaitable[ResultT]]
PATIENCE = 2.0
"""Seconds that a read on the replica may take before it is repeated on the primary."""
REST = 5.0
"""Seconds during which the replica is not used after a failure."""


class Replica:
    """Reads from `replica`, or from `primary` if there is no replica or it fails.

    A replica that lacks a schema change counts as failed. The engines belong to the caller.
    """

    def __init__(
        self,
        primary: AsyncEngine,
        replica: AsyncEngine | None = None,
        logger: Logger | None = None,
        *,
        rest: float = REST,
    ) -> None:
        self._rest = rest
        self._primary = primary
        self._replica = replica
        self._logger = logger
        self._rest_ends = 0.0
        self._asking: set[asyncio.Task[Any]] = set()

    async def read(self, query: Query[ResultT]) -> ResultT:
        """Run `query` and return its result. It may be called again, on the primary. Raises DatabaseUnavailable."""
        replica = self._replica
        if replica is not None and asyncio.get_running_loop().time() >= self._rest_ends:
            try:
                return await self._patiently(replica, query)
            except (DatabaseUnavailable, ProgrammingError, TimeoutError) as error:
                self._leave(error)
        return await _ask(self._primary, query)

    async def _patiently(self, replica: AsyncEngine, query: Query[ResultT]) -> ResultT:
        """Runs in its own task: SQLAlchemy needs two more seconds to close a connection to a server that hangs."""
        asking = asyncio.create_task(_ask(replica, query))
        self._asking.add(asking)
        asking.add_done_callback(self._ended)
        try:
            done, _ = await asyncio.wait({asking}, timeout=PATIENCE)
        finally:
            asking.cancel()
        if not done:
            raise TimeoutError
        return asking.result()

    def _ended(self, asking: "asyncio.Task[Any]") -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            asking.exception()  # waiting callers get it; after PATIENCE it is ignored

    def _leave(self, error: Exception) -> None:
        self._rest_ends = asyncio.get_running_loop().time() + self._rest
        if self._logger is not None:
            self._logger.warning("database.replica_unavailable", error=describe(error))


async def _ask(engine: AsyncEngine, query: Query[ResultT]) -> ResultT:
    async with reading(engine) as connection:
        return await query(connection)


def open_replica(
    url: str | None, primary: AsyncEngine, stack: AsyncExitStack, logger: Logger, *, pool_size: int, setting: str
) -> Replica | None:
    """Open the replica at `url`, if there is one; closed with `stack`. Connects at first use.

    Raises SettingsError, naming `setting`.
    """
    if url is None:
        return None
    engine = open_engine(url, pool_size=pool_size, setting=setting)
    stack.push_async_callback(engine.dispose)
    return Replica(primary, engine, logger)
