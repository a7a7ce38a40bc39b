"""What every counter of calls promises."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from angarium.contracts.errors import RateLimited
from angarium.platform.auth.caller import Caller
from angarium.platform.clock import SystemClock
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.rate_limit.memory import MemoryCounter
from angarium.platform.rate_limit.port import Counter, CounterUnavailable
from angarium.platform.rate_limit.redis import RedisCounter
from angarium.platform.settings.settings import RateLimit
from angarium.platform.telemetry.logging import make_logger
from angarium.platform.telemetry.metrics import Metrics
from tests.support.clock import ManualClock
from tests.support.servers import Redis
from tests.support.wait import until

LOGGER = make_logger("test", level="error")
HUNDRED = RateLimit(100, timedelta(hours=1))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.distributed)])
async def counter(request: pytest.FixtureRequest) -> AsyncIterator[Counter]:
    if request.param == "memory":
        yield MemoryCounter(SystemClock())
        return
    server: Redis = request.getfixturevalue("redis_server")
    await server.start()
    await server.flush()
    opened = RedisCounter(server.url, clock=SystemClock(), logger=LOGGER, timeout=2)
    yield opened
    await opened.close()


async def test_as_many_as_there_is_room_for_are_granted(counter: Counter) -> None:
    first = await counter.count("a", HUNDRED, wanted=60)
    assert (first.granted, first.used, first.wait) == (60, 60, 0)
    second = await counter.count("a", HUNDRED, wanted=60)
    assert (second.granted, second.used) == (40, 100)
    assert 3600 <= second.wait <= 3600 * 1.05
    third = await counter.count("a", HUNDRED, wanted=1)
    assert (third.granted, third.used) == (0, 100)


async def test_what_went_on_already_is_counted_whatever_the_limit(counter: Counter) -> None:
    late = await counter.count("a", HUNDRED, admitted=103)
    assert (late.granted, late.used) == (0, 103)
    assert late.wait > 0
    assert (await counter.count("a", HUNDRED, wanted=1)).granted == 0


async def test_asking_counts_nothing(counter: Counter) -> None:
    assert (await counter.count("a", HUNDRED)).used == 0
    assert (await counter.count("a", HUNDRED)).wait == 0


@pytest.mark.parametrize("name", ["b", "a\0", "A", "", "é" * 1000])
async def test_names_are_counted_apart(counter: Counter, name: str) -> None:
    await counter.count("a", HUNDRED, wanted=100)
    assert (await counter.count(name, HUNDRED, wanted=100)).granted == 100


async def test_many_at_once_never_get_more_than_the_limit(counter: Counter) -> None:
    counts = await asyncio.gather(*(counter.count("a", HUNDRED, wanted=7) for _ in range(50)))
    assert sum(count.granted for count in counts) == 100


async def test_the_window_slides(counter: Counter) -> None:
    limit = RateLimit(5, timedelta(seconds=1))
    refused = await counter.count("a", limit, wanted=10)
    assert refused.granted == 5

    async def granted() -> int:
        return (await counter.count("a", limit, wanted=5)).granted

    assert await until(granted, timeout=refused.wait + 1) == 5


@pytest.mark.distributed
async def test_two_processes_share_one_count_and_nothing_stays_behind(redis_server: Redis) -> None:
    await redis_server.start()
    await redis_server.flush()
    counters = [RedisCounter(redis_server.url, clock=SystemClock(), logger=LOGGER, timeout=2) for _ in range(2)]
    limit = RateLimit(10, timedelta(seconds=1))
    counts = await asyncio.gather(*(counters[n % 2].count("a", limit, wanted=1) for n in range(30)))
    assert sum(count.granted for count in counts) == 10

    async def empty() -> bool:
        size: int = await counters[0]._client.dbsize()
        return size == 0

    await until(empty, timeout=5)
    for counter in counters:
        await counter.close()


@pytest.mark.distributed
async def test_a_redis_that_is_down_or_hangs_costs_one_short_wait_a_second(redis_server: Redis) -> None:
    await redis_server.start()
    clock = ManualClock()
    counter = RedisCounter(redis_server.url, clock=clock, logger=LOGGER, timeout=0.2)
    await redis_server.freeze()
    try:
        loop = asyncio.get_running_loop()
        started = loop.time()
        for _ in range(20):
            with pytest.raises(CounterUnavailable):
                await counter.count("a", HUNDRED, wanted=1)
        assert loop.time() - started < 1
    finally:
        await redis_server.thaw()
    await clock.advance(1)

    async def counts() -> bool:
        await clock.advance(1)
        try:
            return (await counter.count("b", HUNDRED, wanted=1)).granted == 1
        except CounterUnavailable:
            return False

    await until(counts, timeout=5)
    await counter.close()


@pytest.mark.distributed
async def test_a_parallel_burst_over_two_gateways_stays_within_five_percent(redis_server: Redis) -> None:
    await redis_server.start()
    await redis_server.flush()
    clock, caller = SystemClock(), Caller("acme", "shop", frozenset())
    limit = RateLimit(2000, timedelta(hours=1))

    def gateway() -> RateLimiter:
        counter = RedisCounter(redis_server.url, clock=clock, logger=LOGGER, timeout=5)
        return RateLimiter(limit, shared=counter, clock=clock, metrics=Metrics())

    async def take(gateway: RateLimiter) -> bool:
        try:
            await gateway.take(caller)
        except RateLimited:
            return False
        return True

    gateways = [gateway() for _ in range(2)]
    gone_on = await asyncio.gather(*(take(gateways[n % 2]) for n in range(6000)))
    assert 2000 <= sum(gone_on) <= 2100
    for one in gateways:
        await one.close()
