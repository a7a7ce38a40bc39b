"""How many messages are under way to one host that somebody else chose: one that hangs leaves room for the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from angarium.delivery.provider import Busy
from angarium.platform.clock import Clock

AT_ONE_HOST = 16
"""Messages that are under way to one host at once, at most."""
_SHARE = 4
"""One host has at most one slot of a worker in this many."""
BUSY_WAIT, LONGEST_BUSY_WAIT = timedelta(seconds=1), timedelta(seconds=30)
"""How long a message waits for a host that has enough of them: about as long as those before it take."""
_WEIGHT = 0.2
"""Of the newest duration in their moving average."""


@dataclass(slots=True)
class _Host:
    """What is under way to one host, how many wait for it, and how long one takes (moving average)."""

    under_way: int = 0
    waiting: int = 0
    seconds: float = 1.0

    def wait(self, at_once: int) -> timedelta:
        """How long one more has to wait."""
        self.waiting += 1
        expected = timedelta(seconds=self.seconds * self.waiting / at_once)
        return min(max(expected, BUSY_WAIT), LONGEST_BUSY_WAIT)

    def ended(self, seconds: float) -> None:
        """One of those under way has ended."""
        self.under_way -= 1
        self.waiting = max(self.waiting - 1, 0)
        self.seconds += _WEIGHT * (seconds - self.seconds)


class Hosts:
    """Counts by host. `at_once`: of one host."""

    def __init__(self, clock: Clock, at_once: int = AT_ONE_HOST) -> None:
        self._clock = clock
        self._at_once = at_once
        self._hosts: dict[str, _Host] = {}

    @contextmanager
    def under_way(self, name: str) -> Iterator[None]:
        """One message is under way to the host `name` in this context. Raises Busy where enough are already."""
        host = self._hosts.setdefault(name, _Host())
        if host.under_way >= self._at_once:
            raise Busy(host.wait(self._at_once))
        host.under_way += 1
        started = self._clock.monotonic()
        try:
            yield
        finally:
            host.ended(self._clock.monotonic() - started)
            if not host.under_way:
                del self._hosts[name]


def share_of_a_host(concurrency: int) -> int:
    """How many messages may be under way to one host, in a worker that sends `concurrency` at once."""
    return max(1, min(AT_ONE_HOST, concurrency // _SHARE))
