"""How long sends, and the lanes that bring them, wait while a service cannot say what they need."""

from collections.abc import Sequence
from datetime import timedelta

from angarium.platform.clock import Clock

WAITS: Sequence[timedelta] = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 16, 30))
BEFORE_A_PAUSE = 64
"""Notifications in a row that were claimed in vain, from which on the lanes pause."""
PROBE = 8
"""How many a lane takes after a pause, to see whether the service is back."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 5.0
"""Seconds; the end of an outage is noticed within this."""


class Away:
    """The outage of one service, as one worker sees it: the longer it is away, the longer each wait.

    A fixed short wait would claim and record the whole queue every few seconds, for as long as the outage lasts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    @property
    def lasts(self) -> bool:
        """Whether it did not answer when it was asked last."""
        return self._since is not None

    def wait(self) -> timedelta:
        """The wait of a send that got no answer: 2 s at first, about half of the outage so far, at most 30 s."""
        now = self._clock.monotonic()
        self._since = now if self._since is None else self._since
        half = timedelta(seconds=(now - self._since) / 2)
        return next((wait for wait in WAITS if wait >= half), WAITS[-1])

    def over(self) -> None:
        """It answered."""
        self._since = None


class LanePause:
    """Stops the lanes of a worker while all that they bring has to wait for a service that is away.

    Notifications that need nothing of the service end a pause as soon as one of them is in a batch: a pause begins
    only after BEFORE_A_PAUSE in a row that could not be sent.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._in_vain = 0
        self._length = 0.0
        self._until = float("-inf")

    @property
    def seconds(self) -> float:
        """How long no lane may take a message; 0: each may."""
        return max(0.0, self._until - self._clock.monotonic())

    def most(self, waiting: int) -> int:
        """How many of the messages that wait a lane may take."""
        return waiting if self._in_vain < BEFORE_A_PAUSE else min(waiting, PROBE)

    def prepared(self, count: int, *, in_vain: bool) -> None:
        """A batch of `count` claims was prepared; `in_vain`: each of them waits for a service."""
        if not in_vain:
            self._in_vain, self._length, self._until = 0, 0.0, float("-inf")
            return
        self._in_vain += count
        if self._in_vain >= BEFORE_A_PAUSE:
            self._length = min(LONGEST_PAUSE, 2 * self._length or FIRST_PAUSE)
            self._until = self._clock.monotonic() + self._length
