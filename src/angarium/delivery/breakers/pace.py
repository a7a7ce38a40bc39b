"""One worker's send rate for a provider: its share of the configured rate, and a ramp after an outage."""

import asyncio
from dataclasses import dataclass
from math import inf

from angarium.platform.clock import Clock

RAMP_START = 5.0
"""Sends per second of one worker when a breaker has closed."""
RAMP_DOUBLES = 2.0
"""Seconds after which the ramp's rate doubles."""
RAMP_SECONDS = 20.0
"""Length of a ramp, after which only the configured rate applies."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """A worker's rate after a breaker closed at `since` (monotonic seconds), doubling at regular intervals.

    So a recovered provider does not get the whole backlog at once.
    """

    since: float

    def rate(self, now: float) -> float | None:
        """Sends per second at `now`; None: the ramp is over."""
        age = now - self.since
        if age >= RAMP_SECONDS:
            return None
        return RAMP_START * float(2.0 ** (max(age, 0.0) / RAMP_DOUBLES))


class Pace:
    """Spreads sends evenly over time, without bursts (a leaky bucket with room for one).

    Sends are served in order. A change of the rate applies from the next send on.
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
        """Whether one more send would have to wait because of a ramp."""
        return self._ramp is not None and self.wait() > 0

    @property
    def waiting(self) -> int:
        """Number of waiting sends."""
        return self._waiting

    @property
    def share(self) -> float | None:
        """This worker's sends per second, without a ramp; None: no limit; 0: none until the next share."""
        return self._share

    def set_share(self, rate: float | None) -> None:
        """Set this worker's sends per second; None: no limit; 0: none until the next share."""
        self._share = rate

    def ramp_up(self) -> None:
        """Start a ramp, since the provider has recovered."""
        self._ramp = Ramp(self._clock.monotonic())

    def wait(self) -> float:
        """Approximate seconds that one more send would wait; 0 without a limit."""
        rate = self._rate()
        if rate is None:
            return 0.0
        if rate <= 0:
            return _LOOK_AGAIN
        return max(0.0, self._last + (self._waiting + 1) / rate - self._clock.monotonic())

    async def turn(self) -> None:
        """Wait until the next send may begin. A cancelled wait takes no turn."""
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
                self._last = begins  # not the time of waking, so that late timers do not reduce the rate
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
"""Longest sleep in seconds, since the rate may change meanwhile."""
