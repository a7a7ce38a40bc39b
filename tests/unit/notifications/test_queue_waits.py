"""How long a message may have waited, derived from the lengths of its queue."""

from collections import deque
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.notifications.queue_waits import ENDLESS, LONGEST, STALLED_AFTER, QueueWaits
from angarium.platform.broker.port import QueueStats
from tests.support.clock import ManualClock

QUEUE, URGENT, LIGHT = "email.queue", "email.urgent.queue", "email.light.queue"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Watched:
    """Queues that are looked at every five seconds."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.waits = QueueWaits(self.clock)

    async def see(self, length: int, *, consumers: int = 1, queue: str = QUEUE) -> None:
        await self.clock.advance(5)
        rest = [QueueStats(name, 0, 1) for name in (QUEUE, URGENT, LIGHT) if name != queue]
        self.waits.observe([*rest, QueueStats(queue, length, consumers)])

    def wait(self, key: str = "email") -> timedelta:
        return self.waits.by_key()[key]


async def test_in_an_empty_queue_nothing_waits() -> None:
    watched = Watched()
    assert watched.wait() == LONGEST, "nothing is known yet"
    await watched.see(0)
    assert watched.wait() == seconds(0)
    await watched.clock.advance(3)
    assert watched.wait() == seconds(3)


async def test_what_was_published_before_a_queue_grew_has_left_once_as_many_have_left() -> None:
    watched = Watched()
    await watched.see(0)
    await watched.see(1_000)
    for length in range(900, 0, -100):
        await watched.see(length)
        assert watched.wait() == watched.clock.monotonic() * seconds(1) - seconds(5)
    await watched.see(0)
    assert watched.wait() == seconds(0)


async def test_a_queue_that_is_never_seen_empty_shows_by_its_ups_and_downs_what_left_it() -> None:
    watched = Watched()
    for _ in range(40):
        await watched.see(300)
        await watched.see(100)
    assert watched.wait() < seconds(60)


@pytest.mark.fault(48)
async def test_a_queue_without_consumers_or_movement_gets_no_copies_at_all() -> None:
    watched = Watched()
    await watched.see(0)
    await watched.see(10, consumers=0)
    assert watched.wait() == ENDLESS
    await watched.see(20)
    assert watched.wait() == seconds(10)
    await watched.clock.advance(STALLED_AFTER.total_seconds())
    await watched.see(30)
    assert watched.wait() == ENDLESS


async def test_lost_messages_of_a_queue_that_moves_are_found_within_an_hour() -> None:
    watched = Watched()
    for number in range(2_000):
        await watched.see(1_000_000 + number * 10 - (number % 2) * 11)
    assert watched.wait() == LONGEST


@pytest.mark.parametrize(("queue", "key"), [(URGENT, "email.urgent"), (LIGHT, "email"), (LIGHT, "email.urgent")])
async def test_each_lane_has_its_own_wait_and_the_light_one_counts_for_both(queue: str, key: str) -> None:
    watched = Watched()
    await watched.see(10, consumers=0, queue=queue)
    assert watched.wait(key) == ENDLESS
    assert watched.wait("sms") == LONGEST


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60)), min_size=1, max_size=60))
async def test_no_message_waits_longer_than_its_delay(steps: list[tuple[int, int]]) -> None:
    watched, queue = Watched(), deque[float]()
    for published, taken in steps:
        queue.extend([watched.clock.monotonic()] * published)
        for _ in range(min(taken, len(queue))):
            queue.popleft()
        await watched.see(len(queue))
        if queue:
            assert watched.clock.monotonic() - queue[0] <= watched.wait().total_seconds() + 5.001
