"""The lifecycle of a process: signals, the garbage collector, the background loops."""

import asyncio
import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from angarium.platform.loop import Loop, run_loop
from angarium.platform.runtime import Runtime
from angarium.platform.telemetry.logging import Logger

_GC_THRESHOLDS = (20_000, 20, 50)
"""Allocations between collections of the youngest generation, and how often the older generations are included."""


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
    """Freeze the objects built at the start, and run the garbage collector less often.

    For entry points only, once everything is built: the collector is global. A full collection of the framework's
    objects would pause every request for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


class Background:
    """The background loops of a process, stopped in reverse order. An async context manager."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *loops: Loop) -> None:
        """Run each loop in a task until `close`."""
        clock, logger = self._runtime.clock, self._runtime.logger
        for loop in loops:
            self._tasks.append(asyncio.create_task(run_loop(loop, clock=clock, logger=logger), name=loop.name))

    async def close(self) -> None:
        """Cancel every loop and wait until it has ended. Idempotent."""
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
