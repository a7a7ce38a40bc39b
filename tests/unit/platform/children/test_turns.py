"""Who is next."""

import asyncio

import pytest

from angarium.contracts.errors import RateLimited
from angarium.platform.children.turns import Turns
from tests.support.clock import settle


class Work:
    """Holds turns until it is released; `order` is who got one."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.order: list[str] = []
        self.release = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def hold(self, key: str) -> None:
        async with self.turns.of(key):
            self.order.append(key)
            await self.release.wait()

    async def step(self, key: str) -> None:
        async with self.turns.of(key):
            self.order.append(key)
            await asyncio.sleep(0)

    def start(self, *keys: str, hold: bool = False) -> None:
        self.tasks += [asyncio.create_task(self.hold(key) if hold else self.step(key)) for key in keys]


def turns(at_once: int = 2, most_waiting: int = 3, patience: float = 5.0) -> Turns:
    return Turns(at_once=at_once, most_waiting=most_waiting, patience=patience)


async def test_a_key_has_one_turn_at_a_time() -> None:
    work = Work(turns())
    work.start("a", "a", "b", hold=True)
    await settle()
    assert work.order == ["a", "b"]
    work.release.set()
    await asyncio.gather(*work.tasks)
    assert work.order == ["a", "b", "a"]


async def test_keys_that_wait_are_served_in_rotation() -> None:
    work = Work(turns(at_once=1, most_waiting=10))
    work.start("a", "a", "a", "b", "b", "c")
    await asyncio.gather(*work.tasks)
    assert work.order == ["a", "a", "b", "c", "a", "b"]


async def test_more_than_may_wait_are_refused() -> None:
    work = Work(turns(most_waiting=3))
    work.start("a", "a", "a", "a", hold=True)
    await settle()
    with pytest.raises(RateLimited) as caught:
        await work.step("a")
    assert caught.value.retry_after is not None
    await work.step("b")
    work.release.set()
    await asyncio.gather(*work.tasks)


async def test_who_waits_too_long_is_refused_and_takes_no_turn() -> None:
    work = Work(turns(patience=0.01))
    work.start("a", hold=True)
    await settle()
    with pytest.raises(RateLimited):
        await work.step("a")
    work.release.set()
    await asyncio.gather(*work.tasks)
    await work.step("a")
    assert work.order == ["a", "a"]


async def test_a_cancelled_waiter_leaves_the_turn_to_the_next() -> None:
    work = Work(turns(at_once=1))
    work.start("a", "b", "c", hold=True)
    await settle()
    work.tasks[1].cancel()
    work.release.set()
    await asyncio.gather(*work.tasks, return_exceptions=True)
    assert work.order == ["a", "c"]


async def test_a_turn_granted_to_a_waiter_that_is_cancelled_goes_to_the_next() -> None:
    work = Work(turns(at_once=1))
    work.start("a", "b", "c", hold=True)
    await settle()
    work.release.set()
    await asyncio.sleep(0)  # "a" ends and grants "b", which has not run yet
    work.tasks[1].cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*work.tasks, return_exceptions=True)
    assert work.order[-1] == "c"
