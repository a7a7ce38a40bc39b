"""When a fault that goes on is logged again."""

from angarium.platform.clock import Clock

FIRST_SECONDS = 10.0
LONGEST_SECONDS = 600.0


class Reminder:
    """A fault is logged when it begins or changes, then after 10 s, and after twice as long each time up to 10 min."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """The fault has ended."""
        self._fault: str | None = None
        self._due_at = 0.0
        self._pause = FIRST_SECONDS

    def due(self, fault: str) -> bool:
        """Whether to log `fault`, which was just met again."""
        now = self._clock.monotonic()
        if fault != self._fault:
            self._fault, self._pause = fault, FIRST_SECONDS
        elif now < self._due_at:
            return False
        else:
            self._pause = min(self._pause * 2, LONGEST_SECONDS)
        self._due_at = now + self._pause
        return True
