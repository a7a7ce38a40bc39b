"""A pool of children that start on demand and end after a while without work."""

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
"""Children per pool."""
WALL_SECONDS = 4.0
"""Upper bound of one job in wall-clock time. Its CPU time limit (`serving.CPU_SECONDS`) applies first unless the
machine is busy."""
IDLE_SECONDS = 20.0
"""Seconds without a job after which a child ends. It uses about 40 MB and starts in half a second."""
PATIENCE = 5.0
"""Seconds that a job waits for a child."""
TOO_SLOW = "takes too long"
TOO_LARGE = "takes too much memory"
_CRASHES = frozenset({signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})


class OverLimits(AngariumError):
    """A job exceeded its limits; `field`: what was being processed, empty if unknown."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        self.message = message
        super().__init__(f"{field}: {message}")


class ChildFailed(AngariumError):
    """A job met an exception that is a fault of the program"""


class ChildPool:
    """Up to two children that run one module.

    Each key has one job at a time, and keys are served in rotation, so one key's heavy jobs delay the others by at most
    one job. Only JSON text crosses the pipe.
    """

    def __init__(self, module: str, clock: Clock, *, most_waiting: int) -> None:
        self._module = module
        self._clock = clock
        self._turns = Turns(at_once=AT_ONCE, most_waiting=most_waiting, patience=PATIENCE)
        self._idle: dict[Child, asyncio.Task[None]] = {}
        self._closed = False

    async def ask(self, key: str, job: bytes) -> bytes:
        """Run a job of `key` in a turn of its own and return its answer. Raises what `turn` and `do` raise."""
        async with self.turn(key):
            return await self.do(job)

    def turn(self, key: str) -> AbstractAsyncContextManager[None]:
        """A turn of `key`.

        Callers that prepare a large job do it within the turn, so that only running jobs hold memory.

        Raises RateLimited when too many jobs of the key wait, or one waits too long.
        """
        return self._turns.of(key)

    async def do(self, job: bytes) -> bytes:
        """Run a job within a turn and return its answer. Raises OverLimits, ChildUnavailable and ChildFailed."""
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
        """End idle children, and each busy one after its job. Idempotent."""
        self._closed = True
        while self._idle:
            child, expiry = self._idle.popitem()
            expiry.cancel()
            await asyncio.gather(expiry, return_exceptions=True)
            await child.end()

    async def _try(self, job: bytes) -> bytes:
        """Run a job in one child. Raises what `do` raises, and ChildEnded."""
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
        """Borrow a child. It is killed unless it has answered by the end of the block."""
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
    """The progress of a job."""

    def __init__(self) -> None:
        self.field = ""

    async def until_answered(self, child: Child, job: bytes) -> tuple[Kind, bytes]:
        await child.send(job)
        while True:
            kind, payload = await child.receive()
            if kind is not Kind.WORKING:
                return kind, payload
            self.field = payload.decode()
