from collections.abc import AsyncIterator

import pytest

from angarium.platform.broker.memory.schedule import Schedule
from tests.support.clock import ManualClock, settle


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def schedule(clock: ManualClock) -> AsyncIterator[Schedule]:
    schedule = Schedule(clock)
    yield schedule
    await schedule.close()


async def test_actions_run_at_their_moment_in_order(schedule: Schedule, clock: ManualClock) -> None:
    ran: list[tuple[str, float]] = []

    def note(name: str) -> None:
        ran.append((name, clock.monotonic()))

    for moment, name in ((5, "e"), (1, "a"), (3, "c"), (1, "b")):
        schedule.at(moment, lambda name=name: note(name))  # type: ignore[misc]  # binds the loop's name
    await clock.advance(0.999)
    assert ran == []
    await clock.advance(10)
    assert ran == [("a", 1), ("b", 1), ("c", 3), ("e", 5)]


async def test_an_earlier_moment_may_be_added_while_it_sleeps(schedule: Schedule, clock: ManualClock) -> None:
    ran: list[str] = []
    schedule.at(10, lambda: ran.append("late"))
    await settle()
    schedule.at(2, lambda: ran.append("early"))
    await clock.advance(2)
    assert ran == ["early"]
    await clock.advance(8)
    assert ran == ["early", "late"]


async def test_an_action_may_add_another(schedule: Schedule, clock: ManualClock) -> None:
    ran: list[float] = []

    def again() -> None:
        ran.append(clock.monotonic())
        if len(ran) < 3:
            schedule.at(clock.monotonic() + 1, again)

    schedule.at(1, again)
    await clock.advance(5)
    assert ran == [1, 2, 3]


async def test_it_restarts_after_it_was_empty(schedule: Schedule, clock: ManualClock) -> None:
    ran: list[float] = []
    for moment in (1, 2):
        schedule.at(moment, lambda: ran.append(clock.monotonic()))
        await clock.advance(1)
    assert ran == [1, 2]


async def test_a_closed_one_does_nothing_more(schedule: Schedule, clock: ManualClock) -> None:
    ran: list[int] = []
    schedule.at(1, lambda: ran.append(1))
    await settle()
    await schedule.close()
    await clock.advance(5)
    assert ran == []
