"""The sliding window of one process."""

from collections import deque
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from angarium.platform.rate_limit.memory import MemoryCounter, Window
from angarium.platform.rate_limit.port import SLOTS
from angarium.platform.settings.settings import RateLimit
from tests.support.clock import ManualClock

THREE = RateLimit(3, timedelta(minutes=1))


@settings(max_examples=100, deadline=None)
@given(count=st.integers(1, 20), steps=st.lists(st.floats(0, 0.7, allow_nan=False), max_size=200))
def test_no_window_ever_holds_more_than_the_limit(count: int, steps: list[float]) -> None:
    window, allowed, now = Window(RateLimit(count, timedelta(seconds=1))), deque[float](), 1000.0
    for step in steps:
        now += step
        if window.count(now, wanted=1).granted:
            allowed.append(now)
        while allowed and allowed[0] <= now - 1:
            allowed.popleft()
        assert len(allowed) <= count


def test_the_whole_allowance_may_come_at_once() -> None:
    window = Window(RateLimit(100, timedelta(seconds=1)))
    assert window.count(5.0, wanted=1000).granted == 100
    assert window.count(5.0, wanted=1).granted == 0


def test_after_the_wait_it_told_a_call_is_allowed() -> None:
    window = Window(THREE)
    window.count(7.0, wanted=3)
    refused = window.count(8.0, wanted=1)
    assert not refused.granted
    assert 59 <= refused.wait <= 60 * (1 + 1 / SLOTS)
    assert window.count(8.0 + refused.wait, wanted=1).granted == 1


def test_refused_calls_do_not_prolong_the_wait() -> None:
    window = Window(THREE)
    window.count(0.0, wanted=3)
    for moment in range(1, 60):
        assert not window.count(float(moment), wanted=1).granted
    assert window.count(64.0, wanted=3).granted == 3


async def test_names_are_counted_apart_and_the_oldest_is_forgotten() -> None:
    counter = MemoryCounter(ManualClock(), max_windows=2)
    assert (await counter.count("a", THREE, wanted=3)).granted == 3
    assert (await counter.count("b", THREE, wanted=3)).granted == 3
    assert (await counter.count("a", THREE, wanted=1)).granted == 0
    assert (await counter.count("c", THREE, wanted=1)).granted == 1
    assert (await counter.count("b", THREE, wanted=1)).granted == 1
