"""Counts calls in a single process."""

from collections import deque

from angarium.platform.caching import Lru
from angarium.platform.clock import Clock
from angarium.platform.rate_limit.port import SLOTS, Count
from angarium.platform.settings.values import RateLimit

WINDOWS = 10_000
"""Upper bound of remembered names; the least recently used are evicted."""


class Window:
    """The calls of one name in the last period."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self._slot_seconds = limit.period.total_seconds() / SLOTS
        self._slots: deque[tuple[int, int]] = deque()
        self._total = 0

    def count(self, now: float, *, admitted: int = 0, wanted: int = 0) -> Count:
        """As `Counter.count` at `now` (monotonic seconds)."""
        slot = int(now / self._slot_seconds)
        self._forget(slot)
        granted = max(0, min(wanted, self.limit.count - self._total - admitted))
        self._add(slot, admitted + granted)
        return Count(granted, self._total, self._wait(now))

    def _forget(self, slot: int) -> None:
        while self._slots and self._slots[0][0] < slot - SLOTS:
            self._total -= self._slots.popleft()[1]

    def _add(self, slot: int, calls: int) -> None:
        if not calls:
            return
        if self._slots and self._slots[-1][0] == slot:
            calls_before = self._slots.pop()[1]
            self._slots.append((slot, calls_before + calls))
        else:
            self._slots.append((slot, calls))
        self._total += calls

    def _wait(self, now: float) -> float:
        if self._total < self.limit.count or not self._slots:
            return 0.0
        return max(0.0, (self._slots[0][0] + SLOTS + 1) * self._slot_seconds - now)


class MemoryCounter:
    """A window for each name. Implements `Counter`."""

    def __init__(self, clock: Clock, max_windows: int = WINDOWS) -> None:
        self._clock = clock
        self._windows: Lru[str, Window] = Lru(max_windows)

    async def count(self, name: str, limit: RateLimit, *, admitted: int = 0, wanted: int = 0) -> Count:
        return self.count_now(name, limit, admitted=admitted, wanted=wanted)

    def count_now(self, name: str, limit: RateLimit, *, admitted: int = 0, wanted: int = 0) -> Count:
        """As `count`, without waiting."""
        window = self._windows.get(name)
        if window is None or window.limit != limit:
            window = Window(limit)
            self._windows.put(name, window)
        return window.count(self._clock.monotonic(), admitted=admitted, wanted=wanted)

    async def close(self) -> None:
        self._windows.clear()
