"""Loops over due rows look no further back than they must, and miss nothing."""

from datetime import timedelta

from angarium.notifications.look_back import EVERYTHING_EVERY, MARGIN, LookBack
from tests.support.clock import ManualClock

SECOND = timedelta(seconds=1)


def _pass(look_back: LookBack, *, whole: bool = True) -> timedelta | None:
    back = look_back.begin()
    look_back.end(whole=whole)
    return back


async def test_the_first_pass_looks_at_everything_and_the_next_at_what_came_since() -> None:
    clock = ManualClock()
    look_back = LookBack(clock)
    assert _pass(look_back) is None
    await clock.advance(1)
    assert _pass(look_back) == SECOND + MARGIN
    await clock.advance(3)
    assert _pass(look_back) == 3 * SECOND + MARGIN


async def test_a_pass_that_was_not_whole_is_gone_on_with() -> None:
    clock = ManualClock()
    look_back = LookBack(clock)
    assert _pass(look_back, whole=False) is None
    assert _pass(look_back, whole=False) is None
    assert _pass(look_back) is None
    for seconds in (1, 2, 3):
        await clock.advance(1)
        assert _pass(look_back, whole=False) == seconds * SECOND + MARGIN


async def test_a_pass_that_failed_is_no_pass() -> None:
    clock = ManualClock()
    look_back = LookBack(clock)
    _pass(look_back)
    await clock.advance(1)
    look_back.begin()
    await clock.advance(1)
    assert _pass(look_back) == 2 * SECOND + MARGIN


async def test_everything_is_looked_at_again_and_again() -> None:
    clock = ManualClock()
    look_back = LookBack(clock)
    _pass(look_back)
    everything = 0
    for _ in range(int(EVERYTHING_EVERY / SECOND) * 3):
        await clock.advance(1)
        everything += _pass(look_back) is None
    assert everything == 3


async def test_a_machine_that_slept_looks_back_over_its_sleep() -> None:
    class _Slept(ManualClock):
        asleep = timedelta(0)

        def monotonic(self) -> float:
            return super().monotonic() - self.asleep.total_seconds()

    clock = _Slept()
    look_back = LookBack(clock)
    _pass(look_back)
    await clock.advance(60)
    clock.asleep = timedelta(seconds=60)
    assert _pass(look_back) == 60 * SECOND + MARGIN
