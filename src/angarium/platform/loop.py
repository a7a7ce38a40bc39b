"""The base class of background loops: passes, the pauses between them, and back-off after errors.

A subclass defines one pass. Scheduling, logging and shutdown are the same for all.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from angarium.contracts.errors import Transient
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.reminder import Reminder

FIRST_BACK_OFF_SECONDS = 0.5
LONGEST_BACK_OFF_SECONDS = 15.0


class Loop(ABC):
    """Work that is repeated in passes. `Background` or `run_loop` runs it; nothing else may call `once` meanwhile."""

    name: str
    """The loop's name in logs."""
    pause: float | None
    """Seconds between passes when no work waits; None: the next pass begins at `wake`."""
    longest_back_off: float = LONGEST_BACK_OFF_SECONDS
    """Upper bound of the back-off in seconds."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()

    @abstractmethod
    async def once(self) -> bool:
        """Run one pass. True: more work waits, so the next pass begins at once.

        It may raise. A Transient is logged as a warning when it begins and then with decreasing frequency; any other
        error is logged with its traceback each time. The back-off doubles up to `longest_back_off`; a successful pass
        resets it.
        """

    def wake(self) -> None:
        """Skip the pause before the next pass; during a pass, start another one after it.

        Does not shorten the back-off.

        Call it from the event loop's thread.
        """
        self.woken.set()


class Passes(Loop):
    """A loop over a function, for objects that have several loops or cannot subclass Loop."""

    def __init__(
        self,
        name: str,
        once: Callable[[], Awaitable[bool]],
        *,
        pause: float | None,
        longest_back_off: float = LONGEST_BACK_OFF_SECONDS,
    ) -> None:
        super().__init__()
        self.name = name
        self.pause = pause
        self.longest_back_off = longest_back_off
        self._once = once

    async def once(self) -> bool:
        return await self._once()


async def run_loop(loop: Loop, *, clock: Clock, logger: Logger, stop: asyncio.Event | None = None) -> None:
    """Run passes until `stop` is set, then end after the current pass; without `stop` until cancelled. Never raises."""
    await _Runner(loop, clock, logger, stop or asyncio.Event()).run()


async def run_last_pass(loop: Loop, logger: Logger) -> None:
    """Run a final pass at the end of a process, after the loop has ended. A Transient is logged."""
    try:
        await loop.once()
    except Transient as error:
        logger.warning("background.unfinished", task=loop.name, error=type(error).__name__)


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait until one of `waits` is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


class _Runner:
    """One run of a loop and its error state."""

    def __init__(self, loop: Loop, clock: Clock, logger: Logger, stop: asyncio.Event) -> None:
        self._loop = loop
        self._clock = clock
        self._logger = logger
        self._stop = stop
        self._reminder = Reminder(clock)
        self._back_off = min(FIRST_BACK_OFF_SECONDS, loop.longest_back_off)

    async def run(self) -> None:
        while not self._stop.is_set():
            self._loop.woken.clear()  # before the pass: a wake during it requests another one
            try:
                more = await self._loop.once()
            except (Exception, asyncio.CancelledError) as error:
                if _cancelled():
                    raise
                await self._wait_after(error)
                continue
            self._back_off = min(FIRST_BACK_OFF_SECONDS, self._loop.longest_back_off)
            self._reminder.clear()
            if more:
                await asyncio.sleep(0)  # a pass that never waits must not starve others
            else:
                await self._rest()

    async def _wait_after(self, error: BaseException) -> None:
        seconds, self._back_off = self._back_off, min(self._back_off * 2, self._loop.longest_back_off)
        about = {"task": self._loop.name, "retry_in_seconds": seconds}
        if not isinstance(error, Transient):
            self._logger.error("background.failed", exc_info=error, **about)
        elif self._reminder.due(type(error).__name__):
            advice = {} if error.advice is None else {"advice": error.advice}
            self._logger.warning("background.waits", error=type(error).__name__, **about, **advice)
        await first_of(self._clock.sleep(seconds), self._stop.wait())

    async def _rest(self) -> None:
        waits: list[Coroutine[Any, Any, object]] = [self._loop.woken.wait(), self._stop.wait()]
        if self._loop.pause is not None:
            waits.append(self._clock.sleep(self._loop.pause))
        await first_of(*waits)


def _cancelled() -> bool:
    """Whether this task was cancelled, as opposed to a CancelledError that a library raised itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
