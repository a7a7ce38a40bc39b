"""One caller's calls in this process, and what the shared count says of them."""

import asyncio
from contextlib import suppress

from angarium.platform.clock import Clock
from angarium.platform.rate_limit.port import SLOTS, Counter, CounterUnavailable
from angarium.platform.rate_limit.standing import Standing
from angarium.platform.settings.values import RateLimit

AHEAD = 0.01
"""The part of an allowance that one process may let go on before the shared count has heard of it.

Four processes together exceed a limit by at most 4 %; below 100 calls nothing goes on unheard.
"""
GATHER_SECONDS = 0.05
"""How long calls are gathered for one report, at most; less where windows are short."""
REST_SECONDS = 1.0
"""How long the shared count is left alone once it did not answer."""


class UsedUp(Exception):
    """The allowance is used up; `wait` seconds until there is room."""

    def __init__(self, wait: float) -> None:
        super().__init__()
        self.wait = wait


class Tally:
    """Counts calls of one name, most of them without waiting for the network.

    A few calls (`AHEAD`) may be unheard of at any time, those on their way included; more wait until the shared count
    has answered. One report is under way at most.
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
        """Count a call. Raises UsedUp; CounterUnavailable while the shared count does not answer."""
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
        """Return once everything was reported, or could not be."""
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
        """Report until nothing is unheard of."""
        while self._unheard:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather):
                    await self._hurry.wait()
            self._hurry.clear()
            await self._tell_once()
            word, self._word = self._word, asyncio.Event()
            word.set()

    async def _tell_once(self) -> None:
        """What cannot be reported is forgotten, and waiting calls get CounterUnavailable."""
        told = self._unheard
        try:
            count = await self._shared.count(self._name, self.limit, admitted=told)
        except CounterUnavailable:
            self._lost_until = self._clock.monotonic() + REST_SECONDS
            self._unheard = 0
            return
        self._unheard -= told
        self._heard(count.used, count.wait)
