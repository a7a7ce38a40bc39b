"""How long sends wait while a service cannot say what they need."""

from collections.abc import Sequence
from datetime import timedelta

from angarium.platform.clock import Clock

WAITS: Sequence[timedelta] = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 16, 30))


class Away:
    """The outage of one service, as one worker sees it: the longer it is away, the longer each wait.

    A fixed short wait would claim and record the whole queue every few seconds, for as long as the outage lasts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    def wait(self) -> timedelta:
        """The wait of a send that got no answer: 2 s at first, about half of the outage so far, at most 30 s."""
        now = self._clock.monotonic()
        self._since = now if self._since is None else self._since
        half = timedelta(seconds=(now - self._since) / 2)
        return next((wait for wait in WAITS if wait >= half), WAITS[-1])

    def over(self) -> None:
        """It answered."""
        self._since = None
