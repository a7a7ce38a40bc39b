"""Sends through a provider keep its pace, in the order of asking."""

import asyncio
from itertools import pairwise

import pytest

from angarium.delivery.breakers.pace import RAMP_SECONDS, RAMP_START, Pace
from tests.support.clock import ManualClock, settle


async def begun(clock: ManualClock, pace: Pace, count: int, seconds: float) -> list[float]:
    """When each of `count` sends began, within `seconds`."""
    times: list[float] = []

    async def send() -> None:
        await pace.turn()
        times.append(clock.monotonic())

    tasks = [asyncio.create_task(send()) for _ in range(count)]
    await clock.advance(seconds)
    await settle(4 * count)  # those that need not wait follow each other
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return times


async def test_without_a_rate_no_send_waits() -> None:
    clock = ManualClock()
    assert await begun(clock, Pace(clock), 1000, 0) == [0.0] * 1000


@pytest.mark.parametrize("rate", [0.5, 3.0, 50.0, 400.0])
async def test_sends_are_spread_evenly(rate: float) -> None:
    clock = ManualClock()
    pace = Pace(clock)
    pace.set_share(rate)
    times = await begun(clock, pace, 200, 20)
    assert len(times) == pytest.approx(min(200, rate * 20), abs=1.01)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 1 / rate - 1e-9


async def test_an_idle_time_is_not_saved_up() -> None:
    clock = ManualClock()
    pace = Pace(clock)
    pace.set_share(10.0)
    await clock.advance(100)
    assert len(await begun(clock, pace, 100, 1.0)) <= 11


async def test_a_change_of_the_rate_holds_for_those_who_wait() -> None:
    clock = ManualClock()
    pace = Pace(clock)
    pace.set_share(0.0)
    waiting = asyncio.create_task(begun(clock, pace, 5, 10))
    await settle()
    assert pace.waiting == 5
    pace.set_share(100.0)
    assert len(await waiting) == 5


async def test_a_share_of_none_lets_everything_pass_again() -> None:
    clock = ManualClock()
    pace = Pace(clock)
    pace.set_share(0.1)
    waiting = asyncio.create_task(begun(clock, pace, 50, 2))
    await settle()
    pace.set_share(None)
    assert len(await waiting) == 50


async def test_a_cancelled_send_takes_no_turn() -> None:
    clock = ManualClock()
    pace = Pace(clock)
    pace.set_share(1.0)
    await pace.turn()
    gone = asyncio.create_task(pace.turn())
    await settle()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert pace.waiting == 0
    assert await begun(clock, pace, 1, 1.0) == [1.0]


async def test_after_an_outage_the_rate_grows_to_the_pace() -> None:
    clock = ManualClock()
    pace = Pace(clock)
    pace.set_share(100.0)
    pace.ramp_up()
    times = await begun(clock, pace, 2000, RAMP_SECONDS)
    first = [time for time in times if time < 1]
    last = [time for time in times if time >= RAMP_SECONDS - 1]
    assert len(first) <= RAMP_START * 2
    assert len(last) == pytest.approx(100, abs=2)


async def test_a_ramp_without_a_pace_ends() -> None:
    clock = ManualClock()
    pace = Pace(clock)
    pace.ramp_up()
    await clock.advance(RAMP_SECONDS)
    assert pace.wait() == 0
    assert len(await begun(clock, pace, 1000, 0)) == 1000
