"""Items wait in order, none is lost below the capacity, none is written twice by the backlog itself."""

import asyncio
import io
from collections.abc import Sequence

import pytest

from angarium.contracts.errors import Transient
from angarium.platform.backlog import Backlog
from angarium.platform.loop import run_loop
from angarium.platform.telemetry.logging import make_logger
from tests.support.clock import ManualClock, settle


class Target:
    """Takes items while `open`; a write waits for `gate`."""

    def __init__(self) -> None:
        self.open = True
        self.taken: list[int] = []
        self.lost: list[int] = []
        self.refused: int | None = None
        self.fails_after: int | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, items: Sequence[int]) -> None:
        await self.gate.wait()
        if not self.open or self.fails_after == 0:
            raise Transient
        if self.fails_after is not None:
            self.fails_after -= 1
        if self.refused in items:
            raise ValueError
        self.taken += items


@pytest.fixture
def target() -> Target:
    return Target()


@pytest.fixture
def backlog(target: Target) -> Backlog[int]:
    return Backlog("items", target.write, lost=target.lost.append, capacity=3, batch=2)


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


async def test_as_a_loop_it_writes_what_is_added_and_retries_what_is_not_taken(target: Target) -> None:
    clock = ManualClock()
    backlog: Backlog[int] = Backlog("items", target.write, lost=target.lost.append, longest_back_off=5)
    running = asyncio.create_task(run_loop(backlog, clock=clock, logger=make_logger("s", stream=io.StringIO())))
    backlog.add(1)
    await settle()
    assert target.taken == [1]
    target.open = False
    backlog.add(2)
    await clock.advance(0.5 + 1 + 2 + 4)
    target.open = True
    await clock.advance(4.9)
    assert target.taken == [1]
    await clock.advance(0.2)
    assert target.taken == [1, 2]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_write_that_fails_in_the_middle_loses_and_repeats_nothing(
    target: Target, backlog: Backlog[int]
) -> None:
    for item in range(3):
        backlog.add(item)
    target.fails_after = 1
    assert not await backlog.flush()
    assert (target.taken, len(backlog)) == ([0, 1], 1)
    backlog.add(3)
    target.fails_after = None
    assert await backlog.flush()
    assert (target.taken, target.lost) == ([0, 1, 2, 3], [])
