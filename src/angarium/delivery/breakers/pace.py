"""How fast one worker may send through a provider: its share of the configured rate, and a ramp after an outage."""

import asyncio
from dataclasses import dataclass
from math import inf

from angarium.platform.clock import Clock

RAMP_START = 5.0
"""Sends per second of one worker just after a breaker closed."""
RAMP_DOUBLES = 2.0
"""Seconds in which the ramp's rate doubles."""
RAMP_SECONDS = 20.0
"""Length of a ramp; after it only the configured rate holds."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """The rate of a worker after a breaker closed at `since` (monotonic seconds): it doubles at regular intervals.

    A provider that has just come back is not met by everything that waited for it.
    """

    since: float

    def rate(self, now: float) -> float | None:
        """Sends per second at `now`; None: no limit any more."""
        age = now - self.since
        if age >= RAMP_SECONDS:
            return None
        return RAMP_START * float(2.0 ** (max(age, 0.0) / RAMP_DOUBLES))


class Pace:
    """Spreads sends evenly over time, without bursts (a leaky bucket with room for one).

    Sends take their turns in the order of asking. A change of the rate holds from the next send on.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._share: float | None = None
        self._ramp: Ramp | None = None
        self._last = -inf
        self._turns = asyncio.Lock()
        self._waiting = 0

    @property
    def limited(self) -> bool:
        """Whether there is a limit now."""
        return self._rate() is not None

    @property
    def ramping(self) -> bool:
        """Whether the provider has just come back, and one more send would have to wait for that."""
        return self._ramp is not None and self.wait() > 0

    @property
    def waiting(self) -> int:
        """How many sends wait for their turn."""
        return self._waiting

    @property
    def share(self) -> float | None:
        """Sends per second of this worker, but for a ramp; None: no limit; 0: none until the next share."""
        return self._share

    def set_share(self, rate: float | None) -> None:
        """Sends per second of this worker from now on; None: no limit; 0: none until the next share."""
        self._share = rate

    def ramp_up(self) -> None:
        """The provider has just come back."""
        self._ramp = Ramp(self._clock.monotonic())

    def wait(self) -> float:
        """Seconds that one more send would wait, about. 0 without a limit."""
        rate = self._rate()
        if rate is None:
            return 0.0
        if rate <= 0:
            return _LOOK_AGAIN
        return max(0.0, self._last + (self._waiting + 1) / rate - self._clock.monotonic())

    async def turn(self) -> None:
        """Return when the next send may begin. Cancelled, it takes no turn."""
        if self._rate() is None and not self._waiting:
            return
        self._waiting += 1
        try:
            async with self._turns:
                await self._due()
        finally:
            self._waiting -= 1

    async def _due(self) -> None:
        while (rate := self._rate()) is not None:
            now = self._clock.monotonic()
            begins = max(now, self._last + 1.0 / rate) if rate > 0 else now + _LOOK_AGAIN
            if begins <= now:
                break
            await self._clock.sleep(min(begins - now, _LOOK_AGAIN))
            if rate > 0 and begins - now <= _LOOK_AGAIN and rate == self._rate():
                self._last = begins  # not the moment of waking, so that late timers cost no rate
                return
        self._last = self._clock.monotonic()

    def _rate(self) -> float | None:
        if self._ramp is None:
            return self._share
        ramp = self._ramp.rate(self._clock.monotonic())
        if ramp is None:
            self._ramp = None
            return self._share
        return ramp if self._share is None else min(ramp, self._share)


_LOOK_AGAIN = 0.25
"""Longest sleep, in seconds: the rate may change meanwhile."""
