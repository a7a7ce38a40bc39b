"""Shares of a bound that many use: each late user still finds room."""

from collections import Counter


class Shares:
    """At most `total` in all, and of that each key at most half of what the others leave.

    So one key alone has half, a second one finds a quarter, and so on: a key that was not there before never waits for
    the end of another's work, as long as there are few that want so much.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.in_use = 0
        self._held: Counter[str] = Counter()

    def room(self, key: str) -> int:
        """How many more `key` may have now; 0 or less: none."""
        own = self._held[key]
        free = self.total - self.in_use
        return min(free, max(1, (free + own) // 2) - own)

    def take(self, key: str) -> None:
        """One more is `key`'s. It is the caller who asks for `room` before."""
        self._held[key] += 1
        self.in_use += 1

    def give_back(self, key: str) -> None:
        """One less is `key`'s."""
        self.in_use -= 1
        self._held[key] -= 1
        if not self._held[key]:
            del self._held[key]

    def without_room(self) -> list[str]:
        """Keys that hold something and may have no more."""
        return [key for key in self._held if self.room(key) <= 0]

    @property
    def largest(self) -> float:
        """The part of `total` that one key has, at most: 0 to 1."""
        return max(self._held.values(), default=0) / self.total
