"""What only Redis can do to us: vanish, forget, hang."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from angarium.contracts.errors import SettingsError
from angarium.platform.cache import redis_listener
from angarium.platform.cache.redis import RedisCache, channel
from angarium.platform.cache.redis_listener import RedisListener
from angarium.platform.clock import SystemClock
from angarium.platform.telemetry.logging import Logger
from tests.support.clock import ManualClock
from tests.support.servers import Redis
from tests.support.wait import until

pytestmark = pytest.mark.distributed
HOUR = timedelta(hours=1)
TIMEOUT = 0.25


@pytest.fixture
async def server(redis_server: Redis) -> AsyncIterator[Redis]:
    await redis_server.start()
    await redis_server.flush()
    yield redis_server
    await redis_server.start()


@pytest.fixture
async def cache(server: Redis, logger: Logger) -> AsyncIterator[RedisCache]:
    opened = RedisCache(server.url, logger=logger, timeout=TIMEOUT, rest=0.1)
    yield opened
    await opened.close()


async def test_a_killed_redis_misses_and_serves_again_when_it_is_back(server: Redis, cache: RedisCache) -> None:
    assert await cache.set_many({"a": b"1"}, HOUR)
    await server.kill()
    assert list(await cache.get_many(["a", "b"])) == [None, None]
    assert not await cache.set_many({"a": b"2"}, HOUR)
    assert not await cache.delete(["a"])
    assert not await cache.announce("users", "x")
    assert not await cache.ready()
    await server.start()
    await until(cache.ready)
    assert await cache.set_many({"a": b"3"}, HOUR)
    assert list(await cache.get_many(["a"])) == [b"3"]


async def test_a_flushed_redis_misses(server: Redis, cache: RedisCache) -> None:
    await cache.set_many({"a": b"1"}, HOUR)
    await server.flush()
    assert list(await cache.get_many(["a"])) == [None]
    assert await cache.ready()


async def test_a_hung_redis_costs_one_short_wait_and_then_nothing(server: Redis, logger: Logger) -> None:
    clock = ManualClock()
    cache = RedisCache(server.url, logger=logger, timeout=TIMEOUT, rest=1.0, clock=clock)
    await cache.set_many({"a": b"1"}, HOUR)
    await server.freeze()
    try:
        started = time.monotonic()
        assert list(await cache.get_many(["a"])) == [None]
        assert time.monotonic() - started < TIMEOUT + 0.5
        started = time.monotonic()
        for _ in range(1000):
            assert list(await cache.get_many(["a"])) == [None]
        assert time.monotonic() - started < TIMEOUT
    finally:
        await server.thaw()
    assert not await cache.ready()
    await clock.advance(1.1)
    assert await cache.ready()
    assert list(await cache.get_many(["a"])) == [b"1"]
    await cache.close()


async def test_after_the_rest_a_single_caller_tries(server: Redis, logger: Logger) -> None:
    clock = ManualClock()
    cache = RedisCache(server.url, logger=logger, timeout=TIMEOUT, rest=1.0, clock=clock)
    await server.freeze()
    try:
        await cache.ready()
        await clock.advance(1.1)
        tries = [asyncio.ensure_future(cache.get_many(["a"])) for _ in range(20)]
        done, waiting = await asyncio.wait(tries, timeout=TIMEOUT / 2)
        assert (len(done), len(waiting)) == (19, 1)
        await asyncio.wait(waiting)
    finally:
        await server.thaw()
    await cache.close()


async def test_a_call_that_is_cancelled_leaves_no_answer_for_the_next(server: Redis, cache: RedisCache) -> None:
    await cache.set_many({f"k{number}": str(number).encode() for number in range(50)}, HOUR)
    for turns in range(40):
        task = asyncio.ensure_future(cache.get_many(["k1"]))
        for _ in range(turns % 8):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert list(await cache.get_many(["k2", "k3"])) == [b"2", b"3"]


async def test_a_listener_survives_a_restart_and_gets_the_signal_of_a_gap(server: Redis, cache: RedisCache) -> None:
    heard: list[str] = []

    async def listener(text: str) -> None:
        heard.append(text)

    async with cache.listen("users", listener) as hears:
        assert await cache.announce("users", "before")
        await until(lambda: heard == ["before"])
        assert hears()
        await server.kill()
        await until(lambda: not hears())
        await server.start()
        await until(hears)
        assert "" in heard
        await until(cache.ready)
        await cache.announce("users", "after")
        await until(lambda: "after" in heard)
    assert heard == ["before", "", "after"]


async def test_listening_begins_while_redis_is_down(server: Redis, cache: RedisCache) -> None:
    await server.kill()
    heard: list[str] = []

    async def listener(text: str) -> None:
        heard.append(text)

    started = time.monotonic()
    async with cache.listen("users", listener) as hears:
        assert time.monotonic() - started < TIMEOUT + 0.5
        assert not hears()
        await server.start()
        await until(hears)
        assert heard == [""]


async def test_a_listener_tells_soon_that_redis_hangs(
    server: Redis, cache: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_listener, "ANSWER", 0.2)
    heard: list[str] = []

    async def listener(text: str) -> None:
        heard.append(text)

    subscription = RedisListener(cache._client, channel("users"), listener, SystemClock(), cache._logger, silence=0.1)
    running = asyncio.create_task(subscription.run())
    await until(subscription.hears)
    await server.freeze()
    try:
        await until(lambda: not subscription.hears())
    finally:
        await server.thaw()
    await until(subscription.hears)
    assert heard == [""]
    running.cancel()
    await asyncio.wait([running])
    assert not subscription.hears()


async def test_a_full_redis_refuses_a_write_and_still_reads(server: Redis, cache: RedisCache) -> None:
    await cache.set_many({"a": b"1"}, HOUR)
    client = cache._client
    await client.config_set("maxmemory", "1")
    try:
        assert not await cache.set_many({"b": b"2"}, HOUR)
        assert list(await cache.get_many(["a", "b"])) == [b"1", None]
    finally:
        await client.config_set("maxmemory", "0")


def test_a_bad_url_is_named_without_its_password(logger: Logger) -> None:
    with pytest.raises(SettingsError, match="CACHE_URL") as caught:
        RedisCache("http://user:hunter2@host", logger=logger)
    assert "hunter2" not in str(caught.value)
