"""A Redis whose primary changes, found by Sentinels."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from angarium.contracts.errors import SettingsError
from angarium.platform.cache.opening import open_cache
from angarium.platform.cache.redis import RedisCache
from angarium.platform.cache.redis_client import parse_sentinel_url
from angarium.platform.clock import SystemClock
from angarium.platform.rate_limit.port import CounterUnavailable
from angarium.platform.rate_limit.redis import RedisCounter
from angarium.platform.settings.values import RateLimit
from angarium.platform.telemetry.logging import Logger
from tests.support.runtime import a_runtime
from tests.support.servers import Redis, RedisSentinel
from tests.support.servers.ports import free_port
from tests.support.wait import until

HOUR = timedelta(hours=1)
FAILED_OVER_WITHIN = 15.0
LIMIT = RateLimit(1000, HOUR)
_numbers = itertools.count()


@pytest.fixture
async def servers(servers_folder: Path) -> AsyncIterator[tuple[Redis, Redis]]:
    """A primary and its replica. New ones for each test: a Sentinel looks at a known one every ten seconds only."""
    folder = servers_folder / f"sentinel-{next(_numbers)}"
    with Redis(folder / "primary") as primary, Redis(folder / "replica") as replica:
        await replica.follow(primary)
        await until(replica.replicates)
        yield primary, replica


@pytest.fixture
async def sentinel(servers: tuple[Redis, Redis]) -> AsyncIterator[RedisSentinel]:
    """A Sentinel that can put the replica in the primary's place."""
    with RedisSentinel(servers[0].folder.parent / "sentinel", servers[0]) as sentinel:
        await until(sentinel.knows_a_replica, 15)
        yield sentinel


@pytest.fixture
async def cache(sentinel: RedisSentinel, logger: Logger) -> AsyncIterator[RedisCache]:
    gone = f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}/0?master={sentinel.MASTER}"
    opened = RedisCache(gone, logger=logger, timeout=0.5, rest=0.1)
    yield opened
    await opened.close()


@pytest.fixture
async def counter(sentinel: RedisSentinel, logger: Logger) -> AsyncIterator[RedisCounter]:
    opened = RedisCounter(sentinel.url, clock=SystemClock(), logger=logger)
    yield opened
    await opened.close()


@pytest.mark.distributed
@pytest.mark.parametrize("how", ["kill", "freeze", "planned"])
async def test_cache_limits_and_listener_come_back_after_a_fail_over(
    how: str, servers: tuple[Redis, Redis], sentinel: RedisSentinel, cache: RedisCache, counter: RedisCounter
) -> None:
    heard: list[str] = []

    async def listener(text: str) -> None:
        heard.append(text)

    async def counted() -> bool:
        try:
            await counter.count("key", LIMIT, wanted=1)
        except CounterUnavailable:
            return False
        return True

    async with cache.listen("users", listener) as hears:
        await until(hears)
        assert await cache.set_many({"a": b"1"}, HOUR)
        await (sentinel.fail_over() if how == "planned" else getattr(servers[0], how)())
        await until(lambda: "" in heard, FAILED_OVER_WITHIN, message="the listener is back")
        await until(lambda: cache.set_many({"a": b"2"}, HOUR), FAILED_OVER_WITHIN, message="the cache is back")
        await until(counted, FAILED_OVER_WITHIN, message="the limits are back")
        await until(lambda: _announced(cache, heard), FAILED_OVER_WITHIN, message="an announcement is heard")
    await cache.set_many({"a": b"3"}, HOUR)
    assert list(await cache.get_many(["a"])) == [b"3"]


async def _announced(cache: RedisCache, heard: list[str]) -> bool:
    await cache.announce("users", "acme:1")
    return "acme:1" in heard


@pytest.mark.distributed
async def test_a_hanging_sentinel_costs_no_call_more_than_its_time(sentinel: RedisSentinel, logger: Logger) -> None:
    await sentinel.freeze()
    cache = RedisCache(sentinel.url, logger=logger, timeout=0.25, rest=0.05)
    started = time.monotonic()
    assert list(await cache.get_many(["a"])) == [None]
    assert time.monotonic() - started < 0.75
    await sentinel.thaw()
    await until(cache.ready, 10)
    await cache.close()


@pytest.mark.distributed
async def test_more_callers_than_connections_wait_their_turn(sentinel: RedisSentinel, logger: Logger) -> None:
    cache = RedisCache(sentinel.url, logger=logger, timeout=10.0)
    await cache.set_many({"a": b"1"}, HOUR)
    found = await asyncio.gather(*(cache.get_many(["a"]) for _ in range(200)))
    await cache.close()
    assert found == [[b"1"]] * 200


@pytest.mark.distributed
async def test_a_primary_that_no_sentinel_knows_is_a_cache_that_is_away(
    sentinel: RedisSentinel, logger: Logger
) -> None:
    cache = RedisCache(sentinel.url.replace(sentinel.MASTER, "other"), logger=logger, rest=0.05)
    assert not await cache.ready()
    assert list(await cache.get_many(["a"])) == [None]
    await cache.close()


def test_the_parts_of_a_sentinel_url_are_read() -> None:
    url = "rediss+sentinel://me:p%40ss@h1:1,[::1]:2,h3/4?master=m&sentinel_username=u&sentinel_password=s"
    address = parse_sentinel_url(url)
    assert list(address.sentinels) == [("h1", 1), ("::1", 2), ("h3", 26379)]
    assert address.server == {"db": 4, "username": "me", "password": "p@ss", "ssl": True}
    assert (address.master, address.login) == ("m", {"username": "u", "password": "s"})


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis+sentinel://h:1/0", "must name the primary, as in [?]master=mymaster"),
        ("redis+sentinel://h:1/0?master=", "must name the primary"),
        ("redis+sentinel://:canary@h:x/0?master=m", "each Sentinel must be host:port"),
        ("redis+sentinel://h:1,,i:2/0?master=m", "each Sentinel must be host:port"),
        ("redis+sentinel://h:1/canary?master=m", "the database must be a number"),
        ("redis+sentinel://h:1/0?master=m&db=1", "unknown parameter db"),
        ("redis+cluster://:canary@h:1", "Redis Cluster is not supported"),
        ("redis-cluster://:canary@h:1", "Redis Cluster is not supported"),
        ("rediss+cluster://h:1", "Redis Cluster is not supported"),
        ("redis://:canary@h:1,i:2/0", "several hosts are for redis[+]sentinel://"),
        ("unix:///x", "must be memory://"),
    ],
)
def test_an_unusable_url_is_one_line_without_its_password(url: str, message: str, logger: Logger) -> None:
    with pytest.raises(SettingsError, match=f"^ANGARIUM_CACHE_URL: {message}") as refused:
        open_cache(url, a_runtime(logger=logger), AsyncExitStack())
    assert "canary" not in str(refused.value)
