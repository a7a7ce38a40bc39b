"""Decides when a persistent fault is logged again."""

from angarium.platform.clock import Clock

FIRST_SECONDS = 10.0
LONGEST_SECONDS = 600.0


class Reminder:
    """Logs a fault when it starts or changes, again after 10 s, then at doubling intervals of at most 10 min."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Reset: the fault has ended."""
        self._fault: str | None = None
        self._due_at = 0.0
        self._pause = FIRST_SECONDS

    def due(self, fault: str) -> bool:
        """Whether to log `fault`, which has just occurred."""
        now = self._clock.monotonic()
        if fault != self._fault:
            self._fault, self._pause = fault, FIRST_SECONDS
        elif now < self._due_at:
            return False
        else:
            self._pause = min(self._pause * 2, LONGEST_SECONDS)
        self._due_at = now + self._pause
        return True
