"""The port to call counters, shared by all processes or local to one.

`tests/conformance/rate_limit` checks every adapter.
"""

from dataclasses import dataclass
from typing import Protocol

from angarium.contracts.errors import Transient
from angarium.platform.settings.values import RateLimit

SLOTS = 20
"""Slots of a window. Counting goes back one slot further than the window, so the limit is never exceeded."""


class CounterUnavailable(Transient):
    """The shared count of calls does not answer"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many of the requested calls are admitted, how many are counted now, and the wait until one more is possible.

    `wait` is in seconds; 0 if a call is possible now.
    """

    granted: int
    used: int
    wait: float


class Counter(Protocol):
    """Counts calls by name in a sliding window. Never admits more than the limit in any period."""

    async def count(self, name: str, limit: RateLimit, *, admitted: int = 0, wanted: int = 0) -> Count:
        """Count `admitted` calls, which already happened, and as many of `wanted` calls as the limit allows.

        Atomic across processes. Raises CounterUnavailable, after which nothing may be counted.
        """
        ...

    async def close(self) -> None:
        """Release every connection; idempotent."""
        ...
