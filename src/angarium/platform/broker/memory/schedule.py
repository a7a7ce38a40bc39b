"""Runs actions at given times of an injected clock: the in-process broker's delays and expiries."""

import asyncio
import itertools
from collections.abc import Callable
from heapq import heappop, heappush

from angarium.platform.clock import Clock


class Schedule:
    """Runs each action at its time or later, never before; equal times in the order of `at`.

    Has a task only while actions are pending.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._order = itertools.count()
        self._coming: list[tuple[float, int, Callable[[], None]]] = []
        self._sleeping = False
        self._current: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Call `action` when `clock.monotonic()` has reached `moment` seconds."""
        entry = (moment, next(self._order), action)
        heappush(self._coming, entry)
        if self._current is None or self._current.done():
            self._start()
        elif self._sleeping and self._coming[0] is entry:
            self._current.cancel()
            self._start()

    async def close(self) -> None:
        """Cancel the pending actions."""
        self._coming.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self) -> None:
        self._sleeping = False
        self._current = asyncio.create_task(self._run())
        self._tasks.add(self._current)
        self._current.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        while self._coming:
            wait = self._coming[0][0] - self._clock.monotonic()
            if wait > 0:
                self._sleeping = True
                await self._clock.sleep(wait)
                self._sleeping = False
            else:
                heappop(self._coming)[2]()
