"""What a permit of a provider may have to wait for besides: the provider's pace, and a bound on the wait."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from types import TracebackType

from angarium.delivery.breakers.pace import Pace
from angarium.delivery.provider import Permit


class Paced:
    """A permit that also waits for its turn at the provider's pace.

    The turn comes last, just before the send: a turn that had to wait for a connection would let several sends begin
    at once.
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
    """A permit that is waited for no longer than `limit`. Entering raises TimeoutError after that; nothing was sent."""

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
