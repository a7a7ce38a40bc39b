"""Estimates how long messages may wait in queues, from the queues' lengths.

The sweeper must distinguish a lost message from one that is still queued, since a second copy lengthens the queue.
Queues are FIFO. So if a queue had `n` messages at some time and at least `n` have left it since, everything published
before that time has left it too. A shrinking queue gives a lower bound of how many have left; an empty one shows it at
once.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta

from angarium.contracts.messages import light_queue, routing_key, urgent_queue, work_queue
from angarium.contracts.notifications import URGENT_PRIORITY
from angarium.contracts.statuses import Channel
from angarium.platform.broker.port import QueueStats
from angarium.platform.clock import Clock

LONGEST = timedelta(hours=1)
"""Assumed maximum wait in a queue that is being consumed, since a growing queue does not show how many messages leave
it."""
STALLED_AFTER = timedelta(minutes=10)
"""A queue that has not become shorter for this long is not being consumed, so a copy of a message would not be
either."""
ENDLESS = timedelta(days=3650)
"""A duration that every database can add to or subtract from the current time."""
_SPACING = 30.0
_MARKS = 720


class _Queue:
    """Observations of one queue, in monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.passed_at: float | None = None
        """Everything published before this time has left the queue."""
        self._length = 0
        self._left = 0
        self._consumers = 0
        self._moved_at = now
        self._marks: deque[tuple[float, int]] = deque(maxlen=_MARKS)
        """Times, with the number of messages that must leave the queue until everything published before has left."""

    def observe(self, stats: QueueStats, now: float) -> None:
        if stats.messages < self._length:
            self._left += self._length - stats.messages
            self._moved_at = now
        self._length, self._consumers = stats.messages, stats.consumers
        if not stats.messages:
            self.passed_at, self._moved_at = now, now
            self._marks.clear()
            return
        while self._marks and self._left >= self._marks[0][1]:
            self.passed_at = self._marks.popleft()[0]
        if not self._marks or now - self._marks[-1][0] >= _SPACING:
            self._marks.append((now, self._left + stats.messages))

    def wait(self, now: float) -> timedelta:
        stalled = not self._consumers or now - self._moved_at > STALLED_AFTER.total_seconds()
        if self._length and stalled:
            return ENDLESS
        if self.passed_at is None:
            return LONGEST
        return min(LONGEST, timedelta(seconds=now - self.passed_at))


class QueueWaits:
    """Observes the lengths of the work queues every few seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: dict[str, _Queue] = {}

    def observe(self, stats: Sequence[QueueStats]) -> None:
        """Record the current lengths of queues."""
        now = self._clock.monotonic()
        for one in stats:
            self._queues.setdefault(one.name, _Queue(now)).observe(one, now)

    def by_key(self) -> Mapping[str, timedelta]:
        """By routing key: messages published within that time may still be queued.

        Includes the light lane, which may carry the work of either lane.
        """
        now = self._clock.monotonic()
        waits: dict[str, timedelta] = {}
        for channel in Channel:
            light = self._wait(light_queue(channel), now)
            waits[str(channel)] = max(light, self._wait(work_queue(channel), now))
            waits[routing_key(channel, URGENT_PRIORITY)] = max(light, self._wait(urgent_queue(channel), now))
        return waits

    def _wait(self, queue: str, now: float) -> timedelta:
        """LONGEST for a queue without observations."""
        seen = self._queues.get(queue)
        return LONGEST if seen is None else seen.wait(now)
