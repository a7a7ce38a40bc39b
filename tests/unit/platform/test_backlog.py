"""Items wait in order, none is lost below the capacity, none is written twice by the backlog itself."""

import asyncio
from collections.abc import Sequence

import pytest

from angarium.contracts.errors import Transient
from angarium.platform.backlog import Backlog
from tests.support.clock import ManualClock


class Target:
    """Takes items while `open`; a write waits for `gate`."""

    def __init__(self) -> None:
        self.open = True
        self.taken: list[int] = []
        self.lost: list[int] = []
        self.refused: int | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, items: Sequence[int]) -> None:
        await self.gate.wait()
        if not self.open:
            raise Transient
        if self.refused in items:
            raise ValueError
        self.taken += items


@pytest.fixture
def target() -> Target:
    return Target()


@pytest.fixture
def backlog(target: Target) -> Backlog[int]:
    return Backlog(target.write, lost=target.lost.append, clock=ManualClock(), capacity=3, batch=2)


async def test_items_are_written_in_order(target: Target, backlog: Backlog[int]) -> None:
    for item in range(3):
        backlog.add(item)
    assert await backlog.flush()
    assert (target.taken, target.lost, len(backlog)) == ([0, 1, 2], [], 0)


async def test_what_is_not_taken_stays_in_order(target: Target, backlog: Backlog[int]) -> None:
    target.open = False
    for item in range(3):
        backlog.add(item)
    assert not await backlog.flush()
    target.open = True
    assert await backlog.flush()
    assert target.taken == [0, 1, 2]


async def test_above_its_capacity_the_oldest_is_lost_and_said(target: Target, backlog: Backlog[int]) -> None:
    for item in range(5):
        backlog.add(item)
    assert await backlog.flush()
    assert (target.taken, target.lost) == ([2, 3, 4], [0, 1])


async def test_an_item_added_during_a_write_at_full_capacity_is_not_lost(target: Target, backlog: Backlog[int]) -> None:
    for item in range(3):
        backlog.add(item)
    target.gate.clear()
    writing = asyncio.create_task(backlog.flush())
    await asyncio.sleep(0)
    backlog.add(3)
    target.gate.set()
    assert await writing
    assert (target.taken, target.lost) == ([0, 1, 2, 3], [])


async def test_a_cancelled_write_keeps_its_items(target: Target, backlog: Backlog[int]) -> None:
    backlog.add(1)
    target.gate.clear()
    writing = asyncio.create_task(backlog.flush())
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    target.gate.set()
    assert await backlog.flush()
    assert target.taken == [1]


async def test_an_item_that_is_refused_takes_no_other_along(target: Target, backlog: Backlog[int]) -> None:
    target.refused = 1
    for item in range(3):
        backlog.add(item)
    assert await backlog.flush()
    assert (target.taken, target.lost) == ([0, 2], [1])


async def test_concurrent_flushes_write_each_item_once(target: Target, backlog: Backlog[int]) -> None:
    for item in range(3):
        backlog.add(item)
    assert all(await asyncio.gather(backlog.flush(), backlog.flush()))
    assert target.taken == [0, 1, 2]


async def test_it_retries_after_a_pause(target: Target) -> None:
    clock = ManualClock()
    backlog: Backlog[int] = Backlog(target.write, lost=target.lost.append, clock=clock, pause=5)
    target.open = False
    running = asyncio.create_task(backlog.run())
    backlog.add(1)
    await clock.advance(4.9)
    target.open = True
    assert target.taken == []
    await clock.advance(0.2)
    assert target.taken == [1]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
