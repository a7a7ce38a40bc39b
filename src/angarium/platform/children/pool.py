"""Children that are started when there is work, are kept warm for a while, and end when idle."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from angarium.contracts.errors import AngariumError
from angarium.platform.children.child import Child, ChildEnded, ChildUnavailable
from angarium.platform.children.frames import Kind
from angarium.platform.children.turns import Turns
from angarium.platform.clock import Clock

AT_ONCE = 2
"""Children of a pool."""
WALL_SECONDS = 4.0
"""Upper bound of one job. Its time of CPU (`serving.CPU_SECONDS`) ends first unless the machine is busy."""
IDLE_SECONDS = 20.0
"""After so long without a job a child ends: it holds about 40 MB, and starts in half a second."""
PATIENCE = 5.0
"""Seconds that a job waits for its turn."""
TOO_SLOW = "takes too long"
TOO_LARGE = "takes too much memory"
_CRASHES = frozenset({signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})


class OverLimits(AngariumError):
    """A job needs more than it may have; `field`: what was worked on, empty where that is not known."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        self.message = message
        super().__init__(f"{field}: {message}")


class ChildFailed(AngariumError):
    """A job met an exception that is a fault of the program"""


class ChildPool:
    """Up to two children that run one module.

    A key has one job at a time, and keys take turns, so that one key's heavy jobs cost the others at most the time
    of a job. Nothing but text in JSON crosses the pipe.
    """

    def __init__(self, module: str, clock: Clock, *, most_waiting: int) -> None:
        self._module = module
        self._clock = clock
        self._turns = Turns(at_once=AT_ONCE, most_waiting=most_waiting, patience=PATIENCE)
        self._idle: dict[Child, asyncio.Task[None]] = {}
        self._closed = False

    async def ask(self, key: str, job: bytes) -> bytes:
        """The answer to a job of `key`, in a turn of its own. Raises what `turn` and `do` raise."""
        async with self.turn(key):
            return await self.do(job)

    def turn(self, key: str) -> AbstractAsyncContextManager[None]:
        """A turn of `key`, for callers that prepare a large job: only those at work then hold theirs.

        Raises RateLimited when too many of the key wait, or one waits too long.
        """
        return self._turns.of(key)

    async def do(self, job: bytes) -> bytes:
        """The answer to a job; call it within a turn. Raises OverLimits, ChildUnavailable and ChildFailed."""
        try:
            return await self._try(job)
        except ChildEnded:  # killed from outside, or while it was idle
            pass
        try:
            return await self._try(job)
        except ChildEnded as ended:
            if ended.code == -signal.SIGKILL:  # by the kernel, which found no memory for it
                raise OverLimits("", TOO_LARGE) from ended
            raise ChildUnavailable(f"{self._module} ended with {ended.code}") from ended

    async def close(self) -> None:
        """End the children that are idle, and each busy one after its job. Idempotent."""
        self._closed = True
        while self._idle:
            child, expiry = self._idle.popitem()
            expiry.cancel()
            await asyncio.gather(expiry, return_exceptions=True)
            await child.end()

    async def _try(self, job: bytes) -> bytes:
        """The answer of one child. Raises what `do` does, and ChildEnded."""
        progress = _Progress()
        async with self._borrowed() as child:
            try:
                async with asyncio.timeout(WALL_SECONDS):
                    kind, payload = await progress.until_answered(child, job)
            except TimeoutError as error:
                raise OverLimits(progress.field, TOO_SLOW) from error
            except ChildEnded as ended:
                if ended.code == -signal.SIGXCPU:
                    raise OverLimits(progress.field, TOO_SLOW) from ended
                if -ended.code in _CRASHES:
                    raise OverLimits(progress.field, "takes too much memory, or cannot be read") from ended
                raise
        match kind:
            case Kind.DONE:
                return payload
            case Kind.TOO_SLOW:
                raise OverLimits(progress.field, TOO_SLOW)
            case Kind.TOO_LARGE:
                raise OverLimits(progress.field, TOO_LARGE)
            case _:
                raise ChildFailed(f"{payload.decode()} in {self._module}")

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Child]:
        """A child that has answered by the end of the block; else it is killed."""
        child = await self._take() or await Child.start(self._module)
        try:
            yield child
        except BaseException:
            await child.kill()
            raise
        await self._put_back(child)

    async def _take(self) -> Child | None:
        while self._idle:
            child, expiry = self._idle.popitem()
            expiry.cancel()
            if child.alive:
                return child
            await child.end()
        return None

    async def _put_back(self, child: Child) -> None:
        if self._closed:
            await child.end()
        else:
            self._idle[child] = asyncio.create_task(self._expire(child))

    async def _expire(self, child: Child) -> None:
        await self._clock.sleep(IDLE_SECONDS)
        del self._idle[child]
        await child.end()


class _Progress:
    """How far a job has come."""

    def __init__(self) -> None:
        self.field = ""

    async def until_answered(self, child: Child, job: bytes) -> tuple[Kind, bytes]:
        await child.send(job)
        while True:
            kind, payload = await child.receive()
            if kind is not Kind.WORKING:
                return kind, payload
            self.field = payload.decode()
