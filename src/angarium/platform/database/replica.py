"""Reads that may be a little old, taken off the primary."""

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
"""Seconds that a read on the replica may take, before it is done on the primary."""
REST = 5.0
"""Seconds in which the replica is not asked after it did not serve."""


class Replica:
    """Reads on `replica`; on `primary` where there is no replica, or it does not serve.

    So it is also when the replica has not got a change of the schema yet. The engines stay their owner's.
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
        """What `query` finds. It may be called again, on the primary. Raises DatabaseUnavailable."""
        replica = self._replica
        if replica is not None and asyncio.get_running_loop().time() >= self._rest_ends:
            try:
                return await self._patiently(replica, query)
            except (DatabaseUnavailable, ProgrammingError, TimeoutError) as error:
                self._leave(error)
        return await _ask(self._primary, query)

    async def _patiently(self, replica: AsyncEngine, query: Query[ResultT]) -> ResultT:
        """In a task of its own: taking leave of a server that hangs takes SQLAlchemy two seconds more."""
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
            asking.exception()  # waiting callers get it; after PATIENCE it is of no more interest

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
    """The replica behind `url`, if there is one, as long as `stack` is open. Connects at first use.

    Raises SettingsError, naming `setting`.
    """
    if url is None:
        return None
    engine = open_engine(url, pool_size=pool_size, setting=setting)
    stack.push_async_callback(engine.dispose)
    return Replica(primary, engine, logger)
