"""Rate limiting against the shared count, without waiting for it where that is safe."""

import math

from angarium.contracts.errors import RateLimited
from angarium.platform.auth.caller import Caller
from angarium.platform.caching import Lru
from angarium.platform.clock import Clock
from angarium.platform.rate_limit.memory import WINDOWS, MemoryCounter
from angarium.platform.rate_limit.port import Counter, CounterUnavailable
from angarium.platform.rate_limit.tally import Standing, Tally, UsedUp
from angarium.platform.settings.values import RateLimit
from angarium.platform.telemetry.metrics import Metrics


class RateLimiter:
    """One window per caller (tenant and name), over all addresses and paths.

    `default` applies to keys without their own limit; None: no limit. Without a `shared` counter, and while it does not
    answer, each process counts on its own and grants the whole allowance.
    """

    def __init__(self, default: RateLimit | None, *, shared: Counter | None, clock: Clock, metrics: Metrics) -> None:
        self._default = default
        self._shared = shared
        self._local = MemoryCounter(clock)
        self._clock = clock
        self._metrics = metrics
        self._tallies: Lru[str, Tally] = Lru(WINDOWS)

    async def take(self, caller: Caller) -> Standing | None:
        """Count a call; returns None if there is no limit. Raises RateLimited when the allowance is used up."""
        limit = self._default if caller.rate_limit is None else RateLimit.parse(caller.rate_limit)
        if limit is None:
            return None
        name = f"{caller.tenant}\0{caller.identity}"
        if self._shared is None:
            return self._take_here(name, limit)
        try:
            return await self._tally(name, limit, self._shared).take()
        except CounterUnavailable:
            return self._take_here(name, limit)
        except UsedUp as used_up:
            raise self._refusal(limit, used_up.wait) from None

    async def close(self) -> None:
        """Report all calls to the shared counter, then close it."""
        for tally in self._tallies.values():
            await tally.settle()
        if self._shared is not None:
            await self._shared.close()

    def _take_here(self, name: str, limit: RateLimit) -> Standing:
        count = self._local.count_now(name, limit, wanted=1)
        if not count.granted:
            raise self._refusal(limit, count.wait)
        return Standing(limit, limit.count - count.used, limit.period.total_seconds())

    def _refusal(self, limit: RateLimit, wait: float) -> RateLimited:
        self._metrics.rate_limited_total.inc()
        headers = Standing(limit, 0, wait).headers()
        return RateLimited(retry_after=max(1, math.ceil(wait)), headers=headers)

    def _tally(self, name: str, limit: RateLimit, shared: Counter) -> Tally:
        tally = self._tallies.get(name)
        if tally is None or tally.limit != limit:
            tally = Tally(name, limit, shared, self._clock)
            self._tallies.put(name, tally)
        return tally
