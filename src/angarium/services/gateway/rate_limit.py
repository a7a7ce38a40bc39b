"""How often a key may ask: a sliding window with a burst of the whole allowance.

Counted in this process. An address that a client may choose never matters: only who authenticated.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Mapping

from angarium.contracts.errors import RateLimited
from angarium.platform.auth.caller import SERVICE_TOKEN_HEADER, Authenticator, Caller
from angarium.platform.clock import Clock
from angarium.platform.settings import RateLimit
from angarium.platform.telemetry.metrics import Metrics

SLOTS = 20
"""Parts of a window. What is counted reaches one part further back than the window, so it is never exceeded."""
WINDOWS = 10_000
"""Callers remembered at once; those not seen for longest go first."""


class Window:
    """The calls of one caller within the last period."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self._slot_seconds = limit.period.total_seconds() / SLOTS
        self._slots: deque[tuple[int, int]] = deque()
        self._total = 0

    def take(self, now: float) -> float:
        """Count a call at `now` (monotonic seconds): 0 if it is allowed, else the seconds until one may be."""
        slot = int(now / self._slot_seconds)
        while self._slots and self._slots[0][0] < slot - SLOTS:
            self._total -= self._slots.popleft()[1]
        if self._total >= self.limit.count:
            return (self._slots[0][0] + SLOTS + 1) * self._slot_seconds - now
        if self._slots and self._slots[-1][0] == slot:
            self._slots[-1] = (slot, self._slots[-1][1] + 1)
        else:
            self._slots.append((slot, 1))
        self._total += 1
        return 0.0


class RateLimiter:
    """One window for each caller. `default` holds where a key has no limit of its own; None: no limit."""

    def __init__(self, default: RateLimit | None, clock: Clock, metrics: Metrics) -> None:
        self._default = default
        self._clock = clock
        self._metrics = metrics
        self._windows: OrderedDict[tuple[str, str], Window] = OrderedDict()

    def take(self, caller: Caller) -> None:
        """Count a call. Raises RateLimited, with the seconds to wait, when the allowance is used up."""
        limit = self._default if caller.rate_limit is None else RateLimit.parse(caller.rate_limit)
        if limit is None:
            return
        wait = self._window(caller, limit).take(self._clock.monotonic())
        if wait:
            self._metrics.rate_limited_total.inc()
            seconds = max(1, math.ceil(wait))
            raise RateLimited(retry_after=seconds, headers=_headers(limit, seconds))

    def _window(self, caller: Caller, limit: RateLimit) -> Window:
        key = (caller.tenant, caller.name)
        window = self._windows.get(key)
        if window is None or window.limit != limit:
            window = self._windows[key] = Window(limit)
        self._windows.move_to_end(key)
        while len(self._windows) > WINDOWS:
            self._windows.popitem(last=False)
        return window


class LimitedAuthenticator:
    """Authenticates, then counts the call. Services calling each other are not counted."""

    def __init__(self, authenticator: Authenticator, limiter: RateLimiter) -> None:
        self._authenticator = authenticator
        self._limiter = limiter

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        caller = await self._authenticator.authenticate(headers)
        if SERVICE_TOKEN_HEADER not in headers:
            self._limiter.take(caller)
        return caller


def _headers(limit: RateLimit, seconds: int) -> Mapping[str, str]:
    """RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-07)."""
    window = math.ceil(limit.period.total_seconds())
    return {
        "ratelimit-limit": str(limit.count),
        "ratelimit-remaining": "0",
        "ratelimit-reset": str(seconds),
        "ratelimit-policy": f"{limit.count};w={window}",
    }
