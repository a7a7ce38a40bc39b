"""The limiter over a shared count that a test can hold up, break and read."""

import asyncio
from datetime import timedelta

import pytest

from angarium.contracts.errors import RateLimited
from angarium.platform.auth.caller import Caller
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.rate_limit.memory import MemoryCounter
from angarium.platform.rate_limit.port import Count, CounterUnavailable
from angarium.platform.settings.settings import RateLimit
from angarium.platform.telemetry.metrics import Metrics
from tests.support.clock import ManualClock

SHOP = Caller("acme", "shop", frozenset())
THOUSAND = RateLimit(1000, timedelta(hours=1))


class Shared:
    """A count that two limiters share; `asked` counts its calls."""

    def __init__(self, clock: ManualClock) -> None:
        self._counter = MemoryCounter(clock)
        self.asked = 0
        self.down = False

    async def count(self, name: str, limit: RateLimit, *, admitted: int = 0, wanted: int = 0) -> Count:
        self.asked += 1
        await asyncio.sleep(0.001)  # a network is never faster than everybody else
        if self.down:
            raise CounterUnavailable
        return await self._counter.count(name, limit, admitted=admitted, wanted=wanted)

    async def close(self) -> None:
        await self._counter.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def shared(clock: ManualClock) -> Shared:
    return Shared(clock)


def limiter(shared: Shared | None, clock: ManualClock, default: RateLimit | None = THOUSAND) -> RateLimiter:
    return RateLimiter(default, shared=shared, clock=clock, metrics=Metrics())


async def taken(by: RateLimiter, caller: Caller, times: int) -> int:
    """How many of so many calls at once go on."""

    async def take() -> int:
        try:
            await by.take(caller)
        except RateLimited:
            return 0
        return 1

    return sum(await asyncio.gather(*(take() for _ in range(times))))


@pytest.mark.slow
async def test_a_burst_over_two_processes_exceeds_the_limit_by_five_percent_at_most(
    shared: Shared, clock: ManualClock
) -> None:
    two = [limiter(shared, clock) for _ in range(2)]
    gone_on = sum(await asyncio.gather(*(taken(one, SHOP, 1500) for one in two)))
    assert 1000 <= gone_on <= 1050
    for one in two:
        await one.close()


async def test_a_small_limit_is_never_exceeded(shared: Shared, clock: ManualClock) -> None:
    two = [limiter(shared, clock, RateLimit(99, timedelta(hours=1))) for _ in range(2)]
    assert sum(await asyncio.gather(*(taken(one, SHOP, 200) for one in two))) == 99
    for one in two:
        await one.close()


@pytest.mark.slow
async def test_most_calls_wait_for_no_network(shared: Shared, clock: ManualClock) -> None:
    one = limiter(shared, clock, RateLimit(20_000, timedelta(seconds=1)))
    assert await taken(one, SHOP, 5_000) == 5_000
    assert shared.asked < 200
    await one.close()


async def test_the_standing_counts_down(shared: Shared, clock: ManualClock) -> None:
    for by in (limiter(shared, clock), limiter(None, clock)):
        remaining = []
        for _ in range(3):
            standing = await by.take(SHOP)
            assert standing is not None
            remaining.append(standing.remaining)
        assert remaining == [999, 998, 997]
        await by.close()


async def test_the_keys_own_limit_goes_before_the_default(shared: Shared, clock: ManualClock) -> None:
    by = limiter(shared, clock)
    assert await taken(by, Caller("acme", "slow", frozenset(), rate_limit="2/minute"), 5) == 2
    assert await by.take(Caller("acme", "free", frozenset(), rate_limit="off")) is None
    await by.close()


async def test_while_the_shared_count_is_away_each_process_counts_for_itself(
    shared: Shared, clock: ManualClock
) -> None:
    two = [limiter(shared, clock, RateLimit(50, timedelta(hours=1))) for _ in range(2)]
    shared.down = True
    assert [await taken(one, SHOP, 80) for one in two] == [50, 50]
    for one in two:
        await one.close()


async def test_a_large_limit_holds_too_while_the_shared_count_is_away(shared: Shared, clock: ManualClock) -> None:
    one = limiter(shared, clock)
    shared.down = True
    assert 1000 <= sum([await taken(one, SHOP, 500) for _ in range(4)]) <= 1020
    shared.down = False
    await clock.advance(2)
    assert await taken(one, SHOP, 100) == 100
    await one.close()


async def test_a_refusal_says_when_to_come_again_and_is_not_asked_twice(shared: Shared, clock: ManualClock) -> None:
    metrics = Metrics()
    by = RateLimiter(RateLimit(2, timedelta(minutes=1)), shared=shared, clock=clock, metrics=metrics)
    assert await taken(by, SHOP, 2) == 2
    with pytest.raises(RateLimited) as refusal:
        await by.take(SHOP)
    wait = refusal.value.retry_after
    assert wait is not None
    assert 60 <= wait <= 63
    assert refusal.value.headers["ratelimit-reset"] == str(wait)
    asked = shared.asked
    assert await taken(by, SHOP, 100) == 0
    assert shared.asked == asked
    assert b"angarium_rate_limited_total 101.0" in metrics.render()
    await clock.advance(wait)
    assert await taken(by, SHOP, 2) == 2
    await by.close()
