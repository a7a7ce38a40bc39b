"""A bound that many share, and threads that resolve names in such shares."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.platform.http.guard import guarded
from angarium.platform.http.guard.guarded import SystemResolver, asking_for
from angarium.platform.shares import Shares
from tests.support.wait import until


def fill(shares: Shares, key: str) -> int:
    """Take all that `key` may have; how many."""
    count = 0
    while shares.room(key) > 0:
        shares.take(key)
        count += 1
    return count


def test_each_gets_half_of_what_the_others_leave() -> None:
    shares = Shares(256)
    assert [fill(shares, key) for key in "abcd"] == [128, 64, 32, 16]
    assert shares.without_room() == ["a", "b", "c", "d"]
    assert shares.largest == 0.5
    for _ in range(128):
        shares.give_back("a")
    assert fill(shares, "b") == 40, "half of what c and d leave is 104"


def test_the_last_free_one_is_given_out() -> None:
    shares = Shares(1)
    assert fill(shares, "a") == 1
    assert shares.room("b") == 0


@given(st.integers(1, 40), st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=100))
def test_never_more_than_all_and_a_newcomer_finds_room_while_any_is_free(
    total: int, steps: list[tuple[str, bool]]
) -> None:
    shares, held = Shares(total), dict.fromkeys("abcd", 0)
    for key, take in steps:
        if take and shares.room(key) > 0:
            shares.take(key)
            held[key] += 1
        elif not take and held[key]:
            shares.give_back(key)
            held[key] -= 1
        assert sum(held.values()) == shares.in_use <= total
        assert (shares.room("new") > 0) == (shares.in_use < total)


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    answer = threading.Event()
    yield answer
    answer.set()


async def test_names_that_hang_leave_threads_to_other_tenants(
    monkeypatch: pytest.MonkeyPatch, hung: threading.Event
) -> None:
    def look_up(host: str, _: int) -> list[str]:
        if host.startswith("hangs"):
            hung.wait(30)
        return ["192.0.2.1"]

    monkeypatch.setattr(guarded, "_look_up", look_up)
    resolver = SystemResolver(threads=4)

    async def resolve(tenant: str, host: str) -> object:
        with asking_for(tenant):
            return await resolver(host, 443)

    greedy = [asyncio.create_task(resolve("a", f"hangs-{n}.example")) for n in range(20)]
    await until(lambda: resolver._shares.in_use == 2)
    for task in greedy[:2]:  # given up, as an attempt is after its timeout: the threads hang on
        task.cancel()
    async with asyncio.timeout(10):
        assert await resolve("b", "well.example") == ["192.0.2.1"]
    assert resolver._shares.in_use == 2
    hung.set()
    await asyncio.gather(*greedy, return_exceptions=True)
    await until(lambda: resolver._shares.in_use == 0)
    resolver.close()
