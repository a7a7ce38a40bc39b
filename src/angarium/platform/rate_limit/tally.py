"""Counts one caller's calls in this process and reports them to the shared counter; the state after a call."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from angarium.platform.clock import Clock
from angarium.platform.rate_limit.port import SLOTS, Counter, CounterUnavailable
from angarium.platform.settings.values import RateLimit

AHEAD = 0.01
"""The fraction of an allowance that one process may admit before reporting it to the shared counter.

Four processes together exceed a limit by at most 4 %; with limits below 100 calls every call waits for the counter.
"""
GATHER_SECONDS = 0.05
"""Maximum seconds to gather calls for one report; less for short windows."""
REST_SECONDS = 1.0
"""Seconds without a request after the shared counter did not answer."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`remaining` calls are possible now; `reset`: seconds until there are more."""

    limit: RateLimit
    remaining: int
    reset: float

    def headers(self) -> Mapping[str, str]:
        """RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-07)."""
        period = math.ceil(self.limit.period.total_seconds())
        return {
            "ratelimit-limit": str(self.limit.count),
            "ratelimit-remaining": str(max(0, self.remaining)),
            "ratelimit-reset": str(max(1, math.ceil(self.reset))),
            "ratelimit-policy": f"{self.limit.count};w={period}",
        }

    def raw_headers(self) -> Sequence[tuple[bytes, bytes]]:
        """The same fields in ASGI's form."""
        return [(name.encode(), value.encode()) for name, value in self.headers().items()]


class UsedUp(Exception):
    """The allowance is used up; `wait`: seconds until a call is possible."""

    def __init__(self, wait: float) -> None:
        super().__init__()
        self.wait = wait


class Tally:
    """Counts calls of one name, most of them without waiting for the network.

    At most `AHEAD` calls are unreported at any time, including those being reported; further calls wait for the shared
    counter's answer. At most one report is in flight.
    """

    def __init__(self, name: str, limit: RateLimit, shared: Counter, clock: Clock) -> None:
        self.limit = limit
        self._name = name
        self._shared = shared
        self._clock = clock
        self._ahead = int(limit.count * AHEAD)
        self._gather = min(GATHER_SECONDS, limit.period.total_seconds() / SLOTS / 2)
        self._unheard = 0
        self._used = 0
        self._refused_until = self._lost_until = float("-inf")
        self._hurry = asyncio.Event()
        self._word = asyncio.Event()
        self._report: asyncio.Task[None] | None = None

    async def take(self) -> Standing:
        """Count a call. Raises UsedUp, and CounterUnavailable while the shared counter does not answer."""
        self._check()
        if not self._ahead:
            return await self._ask()
        while self._unheard >= self._ahead:
            await self._next_word()
            self._check()
        self._unheard += 1
        self._tell_soon()
        return self._standing()

    async def settle(self) -> None:
        """Return once all calls are reported or the report failed."""
        self._hurry.set()
        if self._report is not None:
            await asyncio.wait([self._report])

    def _check(self) -> None:
        now = self._clock.monotonic()
        if now < self._lost_until:
            raise CounterUnavailable
        if now < self._refused_until:
            raise UsedUp(self._refused_until - now)

    async def _ask(self) -> Standing:
        count = await self._shared.count(self._name, self.limit, wanted=1)
        self._heard(count.used, count.wait)
        if not count.granted:
            raise UsedUp(count.wait)
        return self._standing()

    def _heard(self, used: int, wait: float) -> None:
        self._used = used
        if wait:
            self._refused_until = self._clock.monotonic() + wait

    def _standing(self) -> Standing:
        remaining = self.limit.count - self._used - self._unheard
        return Standing(self.limit, max(0, remaining), self.limit.period.total_seconds())

    async def _next_word(self) -> None:
        word = self._word
        self._hurry.set()
        await word.wait()

    def _tell_soon(self) -> None:
        if self._unheard * 2 >= self._ahead:
            self._hurry.set()
        if self._report is None or self._report.done():
            self._report = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        """Report until no unreported calls are left."""
        while self._unheard:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather):
                    await self._hurry.wait()
            self._hurry.clear()
            await self._tell_once()
            word, self._word = self._word, asyncio.Event()
            word.set()

    async def _tell_once(self) -> None:
        """If a report fails, its calls are dropped and waiting calls get CounterUnavailable."""
        told = self._unheard
        try:
            count = await self._shared.count(self._name, self.limit, admitted=told)
        except CounterUnavailable:
            self._lost_until = self._clock.monotonic() + REST_SECONDS
            self._unheard = 0
            return
        self._unheard -= told
        self._heard(count.used, count.wait)
