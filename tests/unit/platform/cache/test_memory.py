from datetime import timedelta

from angarium.platform.cache.memory import MemoryCache
from tests.support.clock import ManualClock

HOUR = timedelta(hours=1)


async def test_the_least_recently_used_go_first() -> None:
    cache = MemoryCache(ManualClock(), max_entries=2)
    await cache.set_many({"a": b"1", "b": b"2"}, HOUR)
    await cache.get_many(["a"])
    await cache.set_many({"c": b"3"}, HOUR)
    assert list(await cache.get_many(["a", "b", "c"])) == [b"1", None, b"3"]


async def test_a_value_expires_exactly_after_its_ttl() -> None:
    clock = ManualClock()
    cache = MemoryCache(clock)
    await cache.set_many({"a": b"1"}, timedelta(seconds=10))
    await clock.advance(9.9)
    assert list(await cache.get_many(["a"])) == [b"1"]
    await clock.advance(0.1)
    assert list(await cache.get_many(["a"])) == [None]


async def test_setting_again_renews_the_ttl() -> None:
    clock = ManualClock()
    cache = MemoryCache(clock)
    await cache.set_many({"a": b"1"}, timedelta(seconds=10))
    await clock.advance(9)
    await cache.set_many({"a": b"2"}, timedelta(seconds=10))
    await clock.advance(9)
    assert list(await cache.get_many(["a"])) == [b"2"]


async def test_a_ring_was_heard_when_announcing_returns() -> None:
    cache = MemoryCache(ManualClock())
    heard: list[str] = []

    async def listener(text: str) -> None:
        heard.append(text)

    async with cache.listen("users", listener):
        await cache.announce("users", "x")
        assert heard == ["x"]
