"""How far into the past a loop over due rows must look.

Rows are read in the order of their due times. PostgreSQL keeps the index entries of rows that were moved on since until
they are vacuumed, and they lie where reading begins: a pass that began at the very first one would read all of them,
twice a second. So most passes begin where the last whole one began.
"""

from datetime import timedelta

from angarium.platform.clock import Clock

MARGIN = timedelta(seconds=20)
"""A row may have been locked by another transaction, or not be committed yet; none may take longer."""
EVERYTHING_EVERY = timedelta(minutes=5)
"""How often a pass looks at everything nevertheless."""


class LookBack:
    """Of one loop. Guarantees that whatever is due is looked at within EVERYTHING_EVERY."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun = self._times()
        self._reached: tuple[float, float] | None = None
        """When the last pass began that looked at all that was in its reach."""
        self._everything = True
        self._everything_at = self._begun

    def begin(self) -> timedelta | None:
        """A pass begins: how far back it must look; None: at everything."""
        self._begun = self._times()
        due = _passed(self._everything_at, self._begun) >= EVERYTHING_EVERY
        self._everything = self._everything or due
        if self._everything or self._reached is None:
            return None
        return _passed(self._reached, self._begun) + MARGIN

    def end(self, *, whole: bool) -> None:
        """It ended; `whole`: there was no more in its reach."""
        if not whole:
            return
        self._reached = self._begun
        if self._everything:
            self._everything, self._everything_at = False, self._begun

    def _times(self) -> tuple[float, float]:
        return self._clock.monotonic(), self._clock.now().timestamp()


def _passed(before: tuple[float, float], after: tuple[float, float]) -> timedelta:
    """The longer of two: a machine that slept has a monotonic clock that did too; the other one may be set back."""
    return timedelta(seconds=max(later - earlier for earlier, later in zip(before, after, strict=True)))
