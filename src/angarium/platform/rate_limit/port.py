"""The count of calls as the limiter sees it, shared by all processes or kept in one.

Held for every adapter by `tests/conformance/rate_limit`.
"""

from dataclasses import dataclass
from typing import Protocol

from angarium.contracts.errors import Transient
from angarium.platform.settings.values import RateLimit

SLOTS = 20
"""Parts of a window. What is counted reaches one part further back than the window, so it is never exceeded."""


class CounterUnavailable(Transient):
    """The shared count of calls does not answer"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many of the calls asked for may go on, how many are counted now, and how long until there is room for one.

    `wait` is in seconds; 0 while there is room.
    """

    granted: int
    used: int
    wait: float


class Counter(Protocol):
    """Counts calls by name within a sliding window: never more than the limit in any period, give or take nothing."""

    async def count(self, name: str, limit: RateLimit, *, admitted: int = 0, wanted: int = 0) -> Count:
        """Count `admitted` calls that have gone on already, whatever the limit; of `wanted` more as many as have room.

        One step, however many processes do it at once. Raises CounterUnavailable: then nothing may be counted.
        """
        ...

    async def close(self) -> None:
        """Release every connection; idempotent."""
        ...
