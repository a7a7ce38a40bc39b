"""How lanes share the slots of a worker."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.delivery.slots import WEIGHTS, Grant, Lane, Slots, reserve_of
from tests.support.clock import ManualClock, settle

URGENT, LIGHT, ORDINARY = Lane.URGENT, Lane.LIGHT, Lane.ORDINARY
TOTALS = [1, 2, 3, 4, 7, 8, 15, 16, 32, 128, 1_000, 10_000]


class Sends:
    """Lanes that always want slots, and sends that end when a test says so, oldest first."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.running: deque[Grant] = deque()
        self.ended: Counter[Lane] = Counter()
        self.lanes: list[asyncio.Task[None]] = []

    async def start(self, lanes: Iterable[Lane], at_once: int = 1_000_000) -> None:
        self.lanes += [asyncio.create_task(self._lane(lane, at_once)) for lane in lanes]
        await settle(5)

    async def _lane(self, lane: Lane, at_once: int) -> None:
        while True:
            grant = await self.slots.grant(lane, lambda: at_once)
            self.running.extend(grant.split(1) for _ in range(grant.count))

    async def end(self, count: int) -> None:
        """End `count` sends and let the lanes take what came free."""
        for _ in range(count):
            grant = self.running.popleft()
            self.ended[grant.lane] += 1
            grant.give_back()
        await settle(5)


@asynccontextmanager
async def sending(slots: Slots, lanes: Iterable[Lane], at_once: int = 1_000_000) -> AsyncIterator[Sends]:
    sends = Sends(slots)
    await sends.start(lanes, at_once)
    try:
        yield sends
    finally:
        for task in sends.lanes:
            task.cancel()
        await asyncio.gather(*sends.lanes, return_exceptions=True)


def many() -> int:
    return 1_000_000


@pytest.mark.parametrize(("total", "reserve"), [(1, 0), (2, 0), (3, 1), (16, 1), (31, 1), (32, 2), (128, 8)])
def test_a_sixteenth_is_kept_for_each_lane(total: int, reserve: int) -> None:
    assert reserve_of(total) == reserve


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("busy", Lane)
async def test_a_lane_gets_its_reserve_while_another_holds_all_that_it_can_get(total: int, busy: Lane) -> None:
    slots = Slots(total, ManualClock())
    async with sending(slots, [busy]):
        assert slots.held(busy) == total - 2 * slots.reserve
        others = [lane for lane in Lane if lane is not busy]
        for lane in others if slots.reserve else ():
            grant = await asyncio.wait_for(slots.grant(lane, many), 5)
            assert grant.count == slots.reserve
        assert slots.in_use == total


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("first", Lane)
async def test_no_lane_starves(total: int, first: Lane) -> None:
    """Whichever lane holds the slots, each lane ends sends as its weight asks."""
    slots = Slots(total, ManualClock())
    async with sending(slots, [first]) as sends:
        await sends.start(lane for lane in Lane if lane is not first)
        await sends.end(len(sends.running))
        sends.ended.clear()
        for _ in range(280 if total < 1_000 else 28):
            await sends.end(max(1, total // 7))
        for lane in Lane:
            share = min(1 / 3, WEIGHTS[lane] / sum(WEIGHTS.values()))  # of 3 slots, each lane has its own
            assert sends.ended[lane] >= sends.ended.total() * share * 0.6, sends.ended


@pytest.mark.parametrize("total", [1, 2])
async def test_with_hardly_any_slots_the_lanes_take_turns(total: int) -> None:
    slots = Slots(total, ManualClock())
    async with sending(slots, Lane, at_once=1) as sends:
        for _ in range(70):
            await sends.end(1)
    assert {lane: round(count / 10) for lane, count in sends.ended.items()} == WEIGHTS


async def test_a_lone_lane_is_not_slowed_by_its_weight() -> None:
    slots = Slots(16, ManualClock())
    async with sending(slots, [ORDINARY]) as sends:
        for _ in range(50):
            await sends.end(7)
            assert slots.held(ORDINARY) == 14


async def test_an_idle_lane_saves_nothing_up() -> None:
    slots = Slots(128, ManualClock())
    async with sending(slots, [URGENT]) as sends:
        for _ in range(1_000):
            await sends.end(112)
        await sends.start([ORDINARY])
        await sends.end(60)
        # 8 of its own, a fifth of those that came free, and the 9 that it may be behind.
        assert 8 + 12 <= slots.held(ORDINARY) <= 8 + 12 + 9


async def test_a_grant_waits_for_the_first_slot_only() -> None:
    slots = Slots(4, ManualClock())
    taken = await slots.grant(URGENT, many)
    assert taken.count == 2
    waits = asyncio.create_task(slots.grant(URGENT, many))
    await settle()
    assert not waits.done()
    taken.split(1).give_back()
    assert (await asyncio.wait_for(waits, 5)).count == 1


async def test_slots_that_come_free_together_go_out_together() -> None:
    slots = Slots(8, ManualClock())
    taken = await slots.grant(URGENT, many)
    waits = asyncio.create_task(slots.grant(URGENT, many))
    await settle()
    for _ in range(taken.count):
        taken.split(1).give_back()
    assert (await waits).count == 6


async def test_a_grant_is_no_more_than_is_wanted_when_it_is_given() -> None:
    slots = Slots(16, ManualClock())
    wanted = 1
    waits = asyncio.create_task(slots.grant(LIGHT, lambda: wanted))
    wanted = 3
    assert (await waits).count == 3
    assert (await slots.grant(LIGHT, lambda: 0)).count == 1, "a grant is never empty"


async def test_a_slot_is_given_back_once() -> None:
    slots = Slots(8, ManualClock())
    grant = await slots.grant(ORDINARY, many)
    one = grant.split(1)
    with pytest.raises(ValueError, match="of 5 slots"):
        grant.split(6)
    for _ in range(2):
        one.give_back()
    assert slots.in_use == grant.count == 5
    for _ in range(2):
        grant.give_back()
    assert (slots.in_use, slots.held(ORDINARY)) == (0, 0)


@pytest.mark.parametrize("turns", range(4))
async def test_cancelling_a_grant_takes_no_slot(turns: int) -> None:
    slots = Slots(3, ManualClock())
    holding = await slots.grant(URGENT, many)
    waits = asyncio.create_task(slots.grant(URGENT, many))
    await settle()
    holding.give_back()
    for _ in range(turns):
        await asyncio.sleep(0)
    waits.cancel()
    for result in await asyncio.gather(waits, return_exceptions=True):
        if isinstance(result, Grant):
            result.give_back()
    await settle()
    assert slots.in_use == 0
    assert (await asyncio.wait_for(slots.grant(URGENT, many), 5)).count == 1


async def test_a_lane_has_one_request_at_a_time() -> None:
    slots = Slots(1, ManualClock())
    await slots.grant(URGENT, many)
    waits = asyncio.create_task(slots.grant(URGENT, many))
    await settle()
    with pytest.raises(ValueError, match="waits already"):
        await slots.grant(URGENT, many)
    waits.cancel()


async def test_a_fruitless_wait_is_timed_since_the_last_free_slot() -> None:
    clock = ManualClock()
    slots = Slots(2, clock)
    await clock.advance(1_000)
    taken = await slots.grant(URGENT, many)
    await clock.advance(400)
    assert slots.waits_in_vain() == 0, "no work waits"
    waits = asyncio.create_task(slots.grant(LIGHT, many))
    ordinary = asyncio.create_task(slots.grant(ORDINARY, many))
    await clock.advance(100)
    assert slots.waits_in_vain() == 100
    taken.split(1).give_back()
    await clock.advance(30)
    assert slots.waits_in_vain() == 30
    for task in (waits, ordinary):
        task.cancel()
    await settle()
    assert slots.waits_in_vain() == 0


@given(total=st.integers(1, 40), steps=st.lists(st.tuples(st.sampled_from(list(Lane)), st.integers(0, 9)), max_size=60))
def test_never_more_than_there_are(total: int, steps: list[tuple[Lane, int]]) -> None:
    async def run() -> None:
        slots, grants = Slots(total, ManualClock()), []
        waiting: dict[Lane, asyncio.Task[Grant]] = {}
        for lane, number in steps:
            for other, task in list(waiting.items()):
                if task.done():
                    grants.append(waiting.pop(other).result())
            if number and lane not in waiting:
                waiting[lane] = asyncio.create_task(slots.grant(lane, _count(number)))
            elif grants:
                grants.pop(number % len(grants)).give_back()
            await settle(3)
            held = sum(grant.count for grant in grants)
            held += sum(task.result().count for task in waiting.values() if task.done())
            assert held == slots.in_use <= total
            for other in Lane:
                assert slots.held(other) <= total - 2 * slots.reserve
                assert not (other in waiting and not waiting[other].done() and slots.free(other)), "a free slot waits"
        for task in waiting.values():
            task.cancel()
        await asyncio.gather(*waiting.values(), return_exceptions=True)

    asyncio.run(run())


def _count(number: int) -> Callable[[], int]:
    return lambda: number
