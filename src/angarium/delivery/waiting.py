"""Waits for permits that a shutdown interrupts at once."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

from angarium.contracts.errors import AngariumError

PermitT = TypeVar("PermitT")


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
