"""How a process lives and ends: signals, background loops that outlive their errors, closing in order."""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
_HEALTHY_SECONDS = 60.0
_GC_THRESHOLDS = (20_000, 20, 50)
"""Objects made since the last collection of the young, and how often the older ones are looked at with them."""


@contextmanager
def stop_on_signals(stop: asyncio.Event, logger: Logger) -> Iterator[None]:
    """Set `stop` on the first SIGTERM or SIGINT; end the process at once on the second."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def received(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)
        logger.info("process.stopping", signal=number.name)
        stop.set()

    for number in signals:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def quiet_collector() -> None:
    """Let the garbage collector leave alone what the start has built, and look at the rest less often.

    For entry points only, once everything is built: the collector is global. A full collection that walks the
    framework's objects again and again stops every request for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


async def run_forever(name: str, work: Callable[[], Awaitable[None]], *, logger: Logger, clock: Clock) -> None:
    """Run `work` again and again until cancelled; an error is logged and followed by a pause that doubles to 15 s."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        started = clock.monotonic()
        try:
            await work()
            wait = FIRST_PAUSE_SECONDS
        except Exception:
            if clock.monotonic() - started > _HEALTHY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            logger.exception("background.failed", task=name, retry_in_seconds=pause)
            wait, pause = pause, min(pause * 2, LONGEST_PAUSE_SECONDS)
        await clock.sleep(wait)


class Background:
    """Background loops of a process, ended in the reverse order of their start. An async context manager."""

    def __init__(self, *, logger: Logger, clock: Clock) -> None:
        self._logger = logger
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` for ever (`run_forever`) beside the rest."""
        forever = run_forever(name, work, logger=self._logger, clock=self._clock)
        self._tasks.append(asyncio.create_task(forever, name=name))

    async def close(self) -> None:
        """Cancel every loop and wait for its end; idempotent."""
        while self._tasks:
            task = self._tasks.pop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
