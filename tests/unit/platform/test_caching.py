import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.platform.caching import LocalCache, Lru
from tests.support.clock import ManualClock, settle

TTL = timedelta(seconds=2)


class Source:
    """A slow origin of values that counts how often it is asked."""

    def __init__(self, value: str | None = "value") -> None:
        self.value = value
        self.asked = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def load(self) -> str | None:
        self.asked += 1
        value = self.value
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return value


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> LocalCache[str, str]:
    return LocalCache(clock, max_entries=3, ttl=TTL)


async def test_those_who_want_the_same_share_one_loading(cache: LocalCache[str, str]) -> None:
    source = Source()
    callers = [asyncio.ensure_future(cache.get("k", source.load)) for _ in range(50)]
    await settle()
    source.gate.set()
    assert await asyncio.gather(*callers) == ["value"] * 50
    assert await cache.get("k", source.load) == "value"
    assert source.asked == 1


async def test_a_value_is_asked_for_again_after_its_life(clock: ManualClock, cache: LocalCache[str, str]) -> None:
    source = Source()
    source.gate.set()
    await cache.get("k", source.load)
    await clock.advance(1.9)
    await cache.get("k", source.load)
    assert source.asked == 1
    await clock.advance(0.1)
    await cache.get("k", source.load)
    assert source.asked == 2


async def test_a_life_that_changes_counts_for_what_is_kept_already(clock: ManualClock) -> None:
    life = 10.0
    cache: LocalCache[str, str] = LocalCache(clock, max_entries=3, ttl=lambda: life)
    cache.put("a", "1")
    cache.put("b", "1")
    await clock.advance(5)
    assert cache.peek("a") == "1"
    life = 2.0
    assert cache.peek("a") is None
    life = 10.0
    assert cache.peek("b") == "1"
    await clock.advance(5)
    assert cache.peek("b") is None


async def test_none_is_given_and_not_kept(cache: LocalCache[str, str]) -> None:
    source = Source(None)
    source.gate.set()
    assert await cache.get("k", source.load) is None
    source.value = "now"
    assert await cache.get("k", source.load) == "now"


async def test_a_dropped_key_is_not_filled_by_a_loading_that_began_before(cache: LocalCache[str, str]) -> None:
    source = Source("old")
    early = asyncio.ensure_future(cache.get("k", source.load))
    await settle()
    cache.drop("k")
    source.value = "new"
    late = asyncio.ensure_future(cache.get("k", source.load))
    await settle()
    source.gate.set()
    assert (await early, await late) == ("old", "new")
    assert cache.peek("k") == "new"


async def test_clearing_drops_what_is_being_loaded_too(cache: LocalCache[str, str]) -> None:
    source = Source("old")
    early = asyncio.ensure_future(cache.get("k", source.load))
    await settle()
    cache.clear()
    source.gate.set()
    assert await early == "old"
    assert cache.peek("k") is None


async def test_an_error_is_everyones_and_is_not_kept(cache: LocalCache[str, str]) -> None:
    source = Source()
    source.error = ValueError("no")
    callers = [asyncio.ensure_future(cache.get("k", source.load)) for _ in range(3)]
    await settle()
    source.gate.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(result) for result in results] == [ValueError] * 3
    source.error = None
    assert await cache.get("k", source.load) == "value"


async def test_a_cancelled_caller_leaves_the_value_to_the_others(cache: LocalCache[str, str]) -> None:
    source = Source()
    first, second = (asyncio.ensure_future(cache.get("k", source.load)) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    source.gate.set()
    assert await second == "value"
    assert first.cancelled()


@given(st.lists(st.integers(0, 9), max_size=60))
async def test_it_never_holds_more_than_it_may_and_always_the_latest(keys: list[int]) -> None:
    cache: LocalCache[int, int] = LocalCache(ManualClock(), max_entries=4, ttl=None)
    for position, key in enumerate(keys):
        cache.put(key, position)
        assert cache.peek(key) == position
        assert len(cache) <= 4
    latest = list(dict.fromkeys(reversed(keys)))[:4]
    assert all(cache.peek(key) is not None for key in latest)


def test_the_least_recently_used_entry_is_dropped() -> None:
    lru: Lru[str, int] = Lru(2)
    lru.put("a", 1)
    lru.put("b", 2)
    assert lru.get("a") == 1
    lru.put("c", 3)
    assert (lru.get("b"), lru.get("a"), lru.get("c"), len(lru)) == (None, 1, 3, 2)


def test_a_stored_value_is_replaced_and_counts_as_used() -> None:
    lru: Lru[str, int] = Lru(2)
    lru.put("a", 1)
    lru.put("b", 2)
    lru.put("a", 10)
    lru.put("c", 3)
    assert list(lru) == ["a", "c"]
    assert list(lru.values()) == [10, 3]


def test_a_look_whether_there_is_an_entry_is_no_use() -> None:
    lru: Lru[str, int] = Lru(2)
    lru.put("a", 1)
    lru.put("b", 2)
    assert "a" in lru
    lru.put("c", 3)
    assert "a" not in lru


def test_entries_are_removed() -> None:
    lru: Lru[str, int] = Lru(2)
    lru.put("a", 1)
    lru.put("b", 2)
    lru.drop("a")
    lru.drop("missing")
    assert list(lru) == ["b"]
    lru.clear()
    assert len(lru) == 0
