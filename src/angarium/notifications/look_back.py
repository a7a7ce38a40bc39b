"""Limits how far into the past a loop over due rows reads.

Rows are read in the order of their due times. PostgreSQL keeps the index entries of rows updated since then until they
are vacuumed, and these are at the start of the range: a pass from the very beginning would read all of them, twice a
second. So most passes begin where the last complete one began.
"""

from datetime import timedelta

from angarium.platform.clock import Clock

MARGIN = timedelta(seconds=20)
"""Overlap for rows that were locked or not yet committed. No transaction may take longer."""
EVERYTHING_EVERY = timedelta(minutes=5)
"""Interval of full passes."""


class LookBack:
    """The look-back of one loop. Guarantees that every due row is read within EVERYTHING_EVERY."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun = self._times()
        self._reached: tuple[float, float] | None = None
        """Start of the last complete pass."""
        self._everything = True
        self._everything_at = self._begun

    def begin(self) -> timedelta | None:
        """Start a pass; return how far back it must look; None: everything."""
        self._begun = self._times()
        due = _passed(self._everything_at, self._begun) >= EVERYTHING_EVERY
        self._everything = self._everything or due
        if self._everything or self._reached is None:
            return None
        return _passed(self._reached, self._begun) + MARGIN

    def end(self, *, whole: bool) -> None:
        """End a pass; `whole`: it was complete."""
        if not whole:
            return
        self._reached = self._begun
        if self._everything:
            self._everything, self._everything_at = False, self._begun

    def _times(self) -> tuple[float, float]:
        return self._clock.monotonic(), self._clock.now().timestamp()


def _passed(before: tuple[float, float], after: tuple[float, float]) -> timedelta:
    """The longer of two durations: the monotonic clock stops during sleep, and the wall clock may be set back."""
    return timedelta(seconds=max(later - earlier for earlier, later in zip(before, after, strict=True)))
