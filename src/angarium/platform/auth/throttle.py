"""Limits password guessing."""

import math
from collections import OrderedDict, deque

from angarium.contracts.errors import RateLimited
from angarium.platform.clock import Clock

ATTEMPTS = 10
WINDOW_SECONDS = 900.0


class LoginThrottle:
    """Allows 10 login attempts per email address in 15 minutes; a success resets the count.

    Counts by address only, whether or not a user has it, since an attacker chooses the source of the attempts. An
    address is forgotten only 15 minutes after its last attempt, so other addresses cannot displace it; memory is
    bounded by the number of hashes a process can compute in that time. Each process counts on its own.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._attempts: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def __len__(self) -> int:
        """Number of addresses with attempts."""
        return len(self._attempts)

    def begin(self, tenant: str, key: str) -> None:
        """Count an attempt before its password is verified, so concurrent attempts count too. Raises RateLimited."""
        now = self._clock.monotonic()
        self._forget_until(now - WINDOW_SECONDS)
        attempts = self._attempts.setdefault((tenant, key), deque())
        while attempts and attempts[0] <= now - WINDOW_SECONDS:
            attempts.popleft()
        if len(attempts) >= ATTEMPTS:
            raise RateLimited(retry_after=math.ceil(attempts[0] + WINDOW_SECONDS - now))
        attempts.append(now)
        self._attempts.move_to_end((tenant, key))

    def withdraw(self, tenant: str, key: str) -> None:
        """Take back an attempt whose password was not verified."""
        attempts = self._attempts.get((tenant, key))
        if attempts:
            attempts.pop()
        if not attempts:
            self.succeeded(tenant, key)

    def succeeded(self, tenant: str, key: str) -> None:
        """Forget the attempts on this address."""
        self._attempts.pop((tenant, key), None)

    def _forget_until(self, moment: float) -> None:
        while self._attempts:
            oldest = next(iter(self._attempts))
            if self._attempts[oldest] and self._attempts[oldest][-1] > moment:
                return
            del self._attempts[oldest]
