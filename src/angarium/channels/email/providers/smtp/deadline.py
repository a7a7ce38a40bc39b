"""The bound on a send as a whole."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


class Deadline:
    """Gives every piece of work the same time, as `asyncio.timeout` does, but with one timer for all.

    A timer for each would cost as much as building the mail.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[asyncio.Task[Any], float] = {}  # the first to end comes first
        self._timer: asyncio.TimerHandle | None = None

    async def bound(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """The result of `work`. Raises TimeoutError where it took too long and was cancelled.

        Once at a time in a task.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker; a coroutine runs in a task
        before, cancelled = task.cancelling(), False
        self._begin(task)
        try:
            return await work
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            struck = self._ends.pop(task, None) is None
            if struck and task.uncancel() <= before and cancelled:
                raise TimeoutError

    def _begin(self, task: asyncio.Task[Any]) -> None:
        loop = task.get_loop()
        self._ends[task] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._strike, loop)

    def _strike(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is over time, and come again for the next."""
        self._timer = None
        for task, end in list(self._ends.items()):
            if end > loop.time():
                self._timer = loop.call_at(end, self._strike, loop)
                return
            del self._ends[task]
            task.cancel()
