"""Shares of a limited resource that always leave room for new users."""

from collections import Counter


class Shares:
    """At most `total` overall, and each key at most half of what the others leave.

    So a single key gets half, a second one a quarter, and so on. A new key does not wait for another's work, as long as
    few keys want that much.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.in_use = 0
        self._held: Counter[str] = Counter()

    def room(self, key: str) -> int:
        """How many more `key` may take now; 0 or less: none."""
        own = self._held[key]
        free = self.total - self.in_use
        return min(free, max(1, (free + own) // 2) - own)

    def take(self, key: str) -> None:
        """Take one for `key`. The caller checks `room` first."""
        self._held[key] += 1
        self.in_use += 1

    def give_back(self, key: str) -> None:
        """Return one from `key`."""
        self.in_use -= 1
        self._held[key] -= 1
        if not self._held[key]:
            del self._held[key]

    def without_room(self) -> list[str]:
        """Keys that hold some and may take no more."""
        return [key for key in self._held if self.room(key) <= 0]

    @property
    def largest(self) -> float:
        """The largest fraction of `total` that one key holds, 0 to 1."""
        return max(self._held.values(), default=0) / self.total
