"""The clocks of simulated processes."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.simulation.loop import VirtualLoop

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class SimulatedClock:
    """The clock of one process: the loop's time, and a wall clock that may jump and be wrong by `skew` seconds."""

    def __init__(self, loop: VirtualLoop, skew: float = 0.0) -> None:
        self._loop = loop
        self.skew = skew

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time() + self.skew)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
