"""A limit to the guessing of passwords."""

from collections import OrderedDict, deque

from angarium.contracts.errors import RateLimited
from angarium.platform.clock import Clock

ATTEMPTS = 10
WINDOW_SECONDS = 900.0


class LoginThrottle:
    """At most 10 judged attempts on one address in a quarter of an hour, until one succeeds.

    Counted by address alone, whether a user has it or not: a guesser chooses where attempts come from. An address is
    forgotten only when its last attempt is a quarter of an hour old, so no number of others displaces it; memory is
    bounded by how many hashes a process computes in that time. Each process counts for itself.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._attempts: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._attempts)

    def begin(self, tenant: str, key: str) -> None:
        """Count an attempt before it is judged: concurrent ones count, too. Raises RateLimited."""
        now = self._clock.monotonic()
        self._forget_until(now - WINDOW_SECONDS)
        attempts = self._attempts.setdefault((tenant, key), deque())
        while attempts and attempts[0] <= now - WINDOW_SECONDS:
            attempts.popleft()
        if len(attempts) >= ATTEMPTS:
            raise RateLimited(retry_after=int(attempts[0] + WINDOW_SECONDS - now) + 1)
        attempts.append(now)
        self._attempts.move_to_end((tenant, key))

    def withdraw(self, tenant: str, key: str) -> None:
        """Uncount an attempt that was not judged."""
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
