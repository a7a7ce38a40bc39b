"""Wrappers of permits: the provider's rate, and a limit of the wait."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from types import TracebackType

from angarium.delivery.breakers.pace import Pace
from angarium.delivery.provider import Permit
from angarium.notifications.model import Claimed

_TICK = timedelta(milliseconds=1)
"""How early a timer of the event loop may fire."""


def has_expired(claimed: Claimed, now: datetime) -> bool:
    """Whether it has expired and must not be sent."""
    return claimed.expires_at is not None and claimed.expires_at <= now


def longest_wait(claimed: Claimed, now: datetime, failover_after: timedelta | None) -> timedelta | None:
    """The longest wait for a permit: until it expires, and `failover_after` if there is another provider."""
    bound = claimed.doubtful or claimed.options.through is not None
    limits = [] if failover_after is None or bound else [failover_after]
    if claimed.expires_at is not None:
        limits.append(max(claimed.expires_at - now, timedelta(0)) + _TICK)
    return min(limits, default=None)


class Paced:
    """A permit that also waits for the provider's rate.

    The rate is applied last, just before the send: turns that then waited for a connection could start several sends at
    once.
    """

    def __init__(self, permit: AbstractAsyncContextManager[Permit], pace: Pace) -> None:
        self._permit = permit
        self._pace = pace

    async def __aenter__(self) -> Permit:
        granted = await self._permit.__aenter__()
        try:
            await self._pace.turn()
        except BaseException:
            await self._permit.__aexit__(None, None, None)
            raise
        return granted

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._permit.__aexit__(kind, error, trace)


class Bounded:
    """A permit with a wait of at most `limit`. Entering raises TimeoutError after that, with nothing sent."""

    def __init__(self, permit: AbstractAsyncContextManager[Permit], limit: timedelta) -> None:
        self._permit = permit
        self._limit = limit.total_seconds()

    async def __aenter__(self) -> Permit:
        async with asyncio.timeout(self._limit):
            return await self._permit.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._permit.__aexit__(kind, error, trace)
