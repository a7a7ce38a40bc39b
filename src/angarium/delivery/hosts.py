"""Limits concurrent messages to one client-chosen host, so that a host that hangs does not block the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from angarium.delivery.provider import Busy
from angarium.platform.clock import Clock

AT_ONE_HOST = 16
"""Maximum concurrent messages to one host."""
_SHARE = 4
"""One host may use at most one in this many of a worker's slots."""
BUSY_WAIT, LONGEST_BUSY_WAIT = timedelta(seconds=1), timedelta(seconds=30)
"""How long a message waits for a busy host: about as long as the messages before it take."""
_WEIGHT = 0.2
"""Weight of the newest duration in the moving average."""


@dataclass(slots=True)
class _Host:
    """A host's messages in progress, waiting messages, and the moving average of their duration."""

    under_way: int = 0
    waiting: int = 0
    seconds: float = 1.0

    def wait(self, at_once: int) -> timedelta:
        """How long one more message has to wait."""
        self.waiting += 1
        expected = timedelta(seconds=self.seconds * self.waiting / at_once)
        return min(max(expected, BUSY_WAIT), LONGEST_BUSY_WAIT)

    def ended(self, seconds: float) -> None:
        """Note the end of a message."""
        self.under_way -= 1
        self.waiting = max(self.waiting - 1, 0)
        self.seconds += _WEIGHT * (seconds - self.seconds)


class Hosts:
    """Counts by host. `at_once`: the limit per host."""

    def __init__(self, clock: Clock, at_once: int = AT_ONE_HOST) -> None:
        self._clock = clock
        self._at_once = at_once
        self._hosts: dict[str, _Host] = {}

    @contextmanager
    def under_way(self, name: str) -> Iterator[None]:
        """Count a message to the host `name` for this context. Raises Busy if the limit is reached."""
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
    """The limit per host of a worker with `concurrency` slots."""
    return max(1, min(AT_ONE_HOST, concurrency // _SHARE))
