"""The times of the steps, and the timer that holds them."""

import asyncio
from datetime import timedelta

import pytest

from angarium.channels.email.providers.smtp.classify import Phase
from angarium.channels.email.providers.smtp.times import StepTimer, Times


def test_the_defaults_are_those_of_the_standard() -> None:
    times = Times.of()
    assert {phase: times.reply(phase) for phase in Phase} == {
        Phase.SESSION: 300,
        Phase.MAIL: 300,
        Phase.RCPT: 300,
        Phase.COPY: 300,
        Phase.DATA: 120,
        Phase.FINAL: 600,
    }
    assert times.block == 180


def test_a_given_time_counts_for_each_step_but_the_final_dot() -> None:
    times = Times.of(timedelta(seconds=2))
    assert {times.reply(phase) for phase in Phase} == {2, 600}
    assert (times.connect, times.block, times.final) == (2, 2, 600)


@pytest.mark.parametrize("step", [None, timedelta(seconds=2)])
def test_the_final_dot_has_a_time_of_its_own(step: timedelta | None) -> None:
    assert Times.of(step, timedelta(seconds=7)).reply(Phase.FINAL) == 7


class Late:
    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.at = asyncio.Event()
        self.timer = StepTimer(self)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.at.set()


async def test_a_late_step_is_reported_once() -> None:
    late = Late()
    late.timer.begin(0.02)
    await asyncio.wait_for(late.at.wait(), 5)
    await asyncio.sleep(0.05)
    assert late.seconds == [0.02]


async def test_a_short_step_after_a_long_one_is_late_in_its_own_time() -> None:
    late, loop = Late(), asyncio.get_running_loop()
    late.timer.begin(600)
    start = loop.time()
    late.timer.begin(0.05)
    await asyncio.wait_for(late.at.wait(), 5)
    assert 0.04 < loop.time() - start < 2
    assert late.seconds == [0.05]


async def test_steps_that_go_on_are_not_late_however_long_they_take_together() -> None:
    late = Late()
    for _ in range(10):
        late.timer.begin(0.2)
        await asyncio.sleep(0.04)
    late.timer.end()
    await asyncio.sleep(0.25)
    assert late.seconds == []


async def test_a_step_after_an_end_is_late_again() -> None:
    late = Late()
    late.timer.begin(0.02)
    late.timer.end()
    await asyncio.sleep(0.04)
    late.timer.begin(0.03)
    await asyncio.wait_for(late.at.wait(), 5)
    assert late.seconds == [0.03]


async def test_a_closed_timer_says_nothing() -> None:
    late = Late()
    late.timer.begin(0.02)
    late.timer.close()
    await asyncio.sleep(0.06)
    assert late.seconds == []
