"""Waits for permits: behind the provider's rate, for a limited time, and interrupted at once by a shutdown."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, TypeVar

from angarium.contracts.errors import AngariumError
from angarium.delivery.breakers.pace import Pace
from angarium.delivery.provider import Permit
from angarium.notifications.model import Claimed

_TICK = timedelta(milliseconds=1)
"""How early a timer of the event loop may fire."""
PermitT = TypeVar("PermitT")


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


class WaitCut(AngariumError):
    """The wait was ended by a stop"""


class Waiting:
    """Tracks waiting tasks, so that all waits can be interrupted."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cut: set[asyncio.Task[Any]] = set()
        self._over = False

    async def entered(self, permit: AbstractAsyncContextManager[PermitT]) -> PermitT:
        """Enter `permit`. Raises WaitCut if it would have to wait after `cut`."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker; a coroutine runs in a task
        before = task.cancelling()
        self._tasks.add(task)
        # One loop iteration later, so that an immediately available permit is still used.
        soon = task.get_loop().call_soon(self._end, task) if self._over else None
        try:
            granted = await permit.__aenter__()
        except asyncio.CancelledError:
            if self._was_cut(task) and task.cancelling() <= before:
                raise WaitCut from None
            raise
        finally:
            self._was_cut(task)  # it may have been granted in the same iteration
            self._tasks.discard(task)
            if soon is not None:
                soon.cancel()
        return granted

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Interrupt every wait now, and each that begins in this context."""
        self._over = True
        for task in list(self._tasks):
            self._end(task)
        try:
            yield
        finally:
            self._over = False

    def _was_cut(self, task: asyncio.Task[Any]) -> bool:
        """Whether `_end` cancelled it; if so, uncancels the task."""
        if task not in self._cut:
            return False
        self._cut.discard(task)
        task.uncancel()
        return True

    def _end(self, task: asyncio.Task[Any]) -> None:
        if task in self._tasks and task not in self._cut:
            self._cut.add(task)
            task.cancel()
