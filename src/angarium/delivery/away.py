"""Back-off of sends and lanes while the users or templates service is unavailable."""

from collections.abc import Sequence
from datetime import timedelta

from angarium.platform.clock import Clock

WAITS: Sequence[timedelta] = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 16, 30))
BEFORE_A_PAUSE = 64
"""Consecutive fruitless claims after which the lanes pause."""
PROBE = 8
"""Messages that a lane takes after a pause, to probe the service."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 5.0
"""Seconds: the longest time until the end of an outage is noticed."""


class Away:
    """The outage of one service as seen by one worker. Waits grow with its duration.

    With a short fixed wait the whole queue would be claimed and recorded every few seconds during an outage.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    @property
    def lasts(self) -> bool:
        """Whether the last call failed."""
        return self._since is not None

    def wait(self) -> timedelta:
        """The delay of a send without an answer: initially 2 s, then about half of the outage so far, at most 30 s."""
        now = self._clock.monotonic()
        self._since = now if self._since is None else self._since
        half = timedelta(seconds=(now - self._since) / 2)
        return next((wait for wait in WAITS if wait >= half), WAITS[-1])

    def over(self) -> None:
        """Note that the service answered."""
        self._since = None


class LanePause:
    """Pauses a worker's lanes while everything that they claim must wait for an unavailable service.

    A notification that does not need the service ends the pause: a pause starts only after BEFORE_A_PAUSE consecutive
    notifications that could not be sent.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._in_vain = 0
        self._length = 0.0
        self._until = float("-inf")

    @property
    def seconds(self) -> float:
        """Seconds until lanes may take messages again; 0: now."""
        return max(0.0, self._until - self._clock.monotonic())

    def most(self, waiting: int) -> int:
        """How many of the waiting messages a lane may take."""
        return waiting if self._in_vain < BEFORE_A_PAUSE else min(waiting, PROBE)

    def prepared(self, count: int, *, in_vain: bool) -> None:
        """Note a prepared batch of `count` claims; `in_vain`: all of them wait for a service."""
        if not in_vain:
            self._in_vain, self._length, self._until = 0, 0.0, float("-inf")
            return
        self._in_vain += count
        if self._in_vain >= BEFORE_A_PAUSE:
            self._length = min(LONGEST_PAUSE, 2 * self._length or FIRST_PAUSE)
            self._until = self._clock.monotonic() + self._length
