"""An event loop with virtual time that runs several simulated processes, which can be frozen and killed."""

import asyncio
import heapq
import warnings
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context, ContextVar, copy_context
from itertools import count
from random import Random
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")

PROCESS: ContextVar[str] = ContextVar("process", default="world")
"""The process that the running code belongs to; tasks and callbacks inherit it."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs callbacks one at a time. When none is ready, time jumps to the next timer.

    Within a process callbacks run in the order in which they were scheduled, as asyncio guarantees. The next process is
    drawn from `random`, so every interleaving of processes is possible. The loop has no threads and no sockets.
    """

    def __init__(self, random: Random) -> None:
        self.steps = 0
        """The number of callbacks that have run."""
        self.errors: list[Mapping[str, Any]] = []
        """Errors that asyncio reports: callbacks that raised, and exceptions that were never retrieved."""
        self._random = random
        self._now = 0.0
        self._order = count()
        self._timers: list[tuple[float, int, _Entry]] = []
        self._ready: dict[str, deque[_Entry]] = {}
        self._frozen: dict[str, deque[_Entry]] = {}
        self._dead: dict[str, list[_Entry]] = {}
        """The pending callbacks of killed processes."""
        self._tasks: list[asyncio.Task[Any]] = []
        self._traps: dict[str, tuple[int, Callable[[], None]]] = {}
        self._steps_of: dict[str, int] = {}

    # The interface for tests.

    def spawn(self, process: str, work: Coroutine[Any, Any, ResultT]) -> asyncio.Task[ResultT]:
        """Run `work` as a task of `process`."""
        context = copy_context()
        context.run(PROCESS.set, process)
        return self.create_task(work, context=context)

    def kill(self, process: str) -> None:
        """End `process` as SIGKILL does: its code does not run any more, not even a `finally` block."""
        left = self._dead.setdefault(process, [])
        left.extend(self._ready.pop(process, ()))
        left.extend(self._frozen.pop(process, ()))
        self._traps.pop(process, None)

    def freeze(self, process: str) -> None:
        """Stop `process` as SIGSTOP does."""
        if process not in self._dead and process not in self._frozen:
            self._frozen[process] = self._ready.pop(process, deque())

    def thaw(self, process: str) -> None:
        """Continue `process` as SIGCONT does: callbacks that became due meanwhile run first."""
        if process in self._frozen:
            waiting = self._frozen.pop(process)
            if waiting:
                self._ready[process] = waiting

    def trap(self, process: str, step: int, action: Callable[[], None]) -> None:
        """Call `action` instead of the callback of `process` with this number, counted from 1."""
        self._traps[process] = (step, action)

    def run(self, until: Callable[[], bool], *, deadline: float) -> bool:
        """Run until the condition, checked after each callback, holds. False if `deadline` (seconds) came first."""
        asyncio._set_running_loop(self)
        try:
            while not until():
                if not self._ready and not self._advance(deadline):
                    return False
                self._step()
        finally:
            asyncio._set_running_loop(None)
        return True

    def finish(self) -> None:
        """Cancel all tasks, also of dead and frozen processes, so that no pending coroutine is destroyed."""
        for process in list(self._frozen):
            self.thaw(process)
        dead, self._dead = self._dead, {}
        for entry in (entry for left in dead.values() for entry in left):
            self._enqueue(entry)
        self._traps.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # coroutines of tasks that are cancelled before they start
            self._cancel_all()
            self._timers.clear()
            self._ready.clear()

    def _cancel_all(self) -> None:
        self.run(lambda: not self._ready, deadline=self._now)  # start the tasks that have not started yet
        while left := [task for task in self._tasks if not task.done()]:
            for task in left:
                task.cancel()
            self.run(lambda: all(task.done() for task in left), deadline=self._now + 3600)
        for task in self._tasks:
            if not task.cancelled():
                task.exception()  # otherwise asyncio reports an exception that was never retrieved
        self._tasks.clear()

    def _advance(self, deadline: float) -> bool:
        """Advance the time until a callback is ready."""
        while not self._ready:
            while self._timers and self._timers[0][2].handle.cancelled():
                heapq.heappop(self._timers)
            if not self._timers or self._timers[0][0] > deadline:
                return False
            self._now = max(self._now, self._timers[0][0])
            while self._timers and self._timers[0][0] <= self._now:
                self._enqueue(heapq.heappop(self._timers)[2])
        return True

    def _step(self) -> None:
        names = list(self._ready)
        name = names[0] if len(names) == 1 else names[int(self._random.random() * len(names))]
        waiting = self._ready[name]
        if name in self._traps and self._sprung(name):
            return
        entry = waiting.popleft()
        if not waiting:
            del self._ready[name]
        if entry.handle.cancelled():
            return
        self.steps += 1
        try:
            entry.context.run(entry.callback, *entry.arguments)
        except Exception as error:  # noqa: BLE001 - as asyncio does
            self.call_exception_handler({"message": "a callback raised", "exception": error})

    def _sprung(self, name: str) -> bool:
        step, action = self._traps[name]
        self._steps_of[name] = self._steps_of.get(name, 0) + 1
        if self._steps_of[name] < step:
            return False
        del self._traps[name]
        action()
        return True

    def _enqueue(self, entry: "_Entry") -> None:
        name = entry.context.get(PROCESS, "world")
        if name in self._dead:
            self._dead[name].append(entry)
        elif name in self._frozen:
            self._frozen[name].append(entry)
        elif name in self._ready:
            self._ready[name].append(entry)
        else:
            self._ready[name] = deque([entry])

    # The methods that asyncio requires.

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]  # any arguments
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        self._enqueue(_Entry(handle, context, callback, args))
        return handle

    def call_later(  # type: ignore[override]  # any arguments
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]  # any arguments
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), _Entry(handle, context, callback, args)))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a cancelled timer is skipped when it is due."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None, **_: Any
    ) -> asyncio.Task[Any]:
        task = _Task(len(self._tasks), coro, loop=self, name=name, context=context)
        self._tasks.append(task)  # a task that only a dead process refers to must not be garbage collected
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: Mapping[str, Any]) -> None:
        self.errors.append(context)


class _Task(asyncio.Task[Any]):
    """A task hashed by its number, so that the order of sets is the same in every run; addresses differ."""

    def __init__(self, number: int, coro: Any, **about: Any) -> None:
        self._number = number  # set first, because asyncio puts the task into a set
        super().__init__(coro, **about)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Entry:
    """A scheduled callback."""

    __slots__ = ("arguments", "callback", "context", "handle")

    def __init__(
        self, handle: asyncio.Handle, context: Context, callback: Callable[..., object], arguments: tuple[Any, ...]
    ) -> None:
        self.handle = handle
        self.context = context
        self.callback = callback
        self.arguments = arguments
