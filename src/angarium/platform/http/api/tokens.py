"""Access tokens that run out: fetched when they are needed, renewed before their end, by one request at a time."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from angarium.contracts.errors import AngariumError
from angarium.platform.clock import Clock

EARLY = 120.0
"""Seconds before its end from which a token is renewed, while the old one is still given out."""


class TokenRefused(AngariumError):
    """The token server refuses our credentials; the message says so in its short words"""


class TokenUnavailable(AngariumError):
    """The token server gave no usable answer; trying again may help"""


class Granted(msgspec.Struct, frozen=True):
    """A token and its life in seconds."""

    token: str
    seconds: float

    def __repr__(self) -> str:
        return "Granted(…)"


class CachedToken:
    """One token for all who ask.

    `fetch` gets a new one; it raises TokenRefused or TokenUnavailable, and so does `get` where no valid token is left.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Granted]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token = ""
        self._renewed_from = self._ends = float("-inf")
        self._renewal: asyncio.Task[None] | None = None

    async def get(self) -> str:
        """A token that is valid now. A caller that is cancelled does not end the request for the others."""
        now = self._clock.monotonic()
        if now < self._renewed_from:
            return self._token
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(_seen)
        if now >= self._ends:
            await asyncio.shield(self._renewal)
        return self._token

    def drop(self, token: str) -> None:
        """Forget `token`, which was refused. Where it was exchanged meanwhile, the newer one stays."""
        if token == self._token:
            self._renewed_from = self._ends = float("-inf")

    async def close(self) -> None:
        """End a request that is under way; idempotent."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    async def _renew(self) -> None:
        try:
            granted = await self._fetch()
            now = self._clock.monotonic()
            self._token = granted.token
            self._ends = now + granted.seconds
            self._renewed_from = now + max(granted.seconds - EARLY, granted.seconds / 2)
        finally:
            self._renewal = None


def _seen(task: asyncio.Task[None]) -> None:
    """An error that nobody waited for is none: the next who asks tries again."""
    if not task.cancelled():
        task.exception()
