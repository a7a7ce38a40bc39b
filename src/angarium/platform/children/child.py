"""One child process, as its parent sees it."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress

from angarium.contracts.errors import Transient
from angarium.platform.children.frames import HEAD, MOST_BYTES, Kind, frame

START_SECONDS = 15.0
"""Upper bound of a child's start-up time, also on a busy machine."""
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONHOME", "VIRTUAL_ENV")
"""Environment variables passed to a child. None holds a secret."""


class ChildUnavailable(Transient):
    """A child process cannot be started, or ends for reasons of its own"""


class ChildEnded(Exception):
    """The child ended before it answered; `code` as of `Popen.returncode`: negative for a signal."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"ended with {code}")


class Child:
    """A running child. It ends when this process ends, however that happens, since its pipe closes."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None  # noqa: S101 - for the type checker; both are pipes
        assert process.stdout is not None  # noqa: S101 - likewise
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout

    @classmethod
    async def start(cls, module: str) -> "Child":
        """Start a child that runs `module`, and wait until it is ready. Raises ChildUnavailable."""
        try:
            # -P: do not import from the current folder. A separate session: Ctrl-C goes to the service only.
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", module),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise ChildUnavailable(f"{module} cannot be started ({type(error).__name__})") from error
        child = cls(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                await child.receive()
        except BaseException as error:
            await child.kill()
            if isinstance(error, (ChildEnded, TimeoutError)):
                raise ChildUnavailable(f"{module} does not start") from error
            raise
        return child

    @property
    def alive(self) -> bool:
        """Whether it is running, as last known."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def send(self, job: bytes) -> None:
        """Send a job. Raises ChildEnded."""
        try:
            self._stdin.write(frame(Kind.JOB, job))
            await self._stdin.drain()
        except (BrokenPipeError, ConnectionResetError, RuntimeError) as error:
            raise ChildEnded(await self._process.wait()) from error

    async def receive(self) -> tuple[Kind, bytes]:
        """Receive the next frame. Raises ChildEnded."""
        try:
            kind, length = HEAD.unpack(await self._stdout.readexactly(HEAD.size))
            if length > MOST_BYTES:
                raise ChildUnavailable("a child says more than it may")
            return Kind(kind), await self._stdout.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise ChildEnded(await self._process.wait()) from error

    async def kill(self) -> None:
        """Kill it and wait until it has ended."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._ended()

    async def end(self) -> None:
        """End it. It has no job, so it ends at once."""
        self._stdin.close()
        try:
            async with asyncio.timeout(1.0):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._ended()

    async def _ended(self) -> None:
        self._stdin.close()
        await asyncio.shield(self._process.wait())
        with suppress(BrokenPipeError, ConnectionResetError):
            await self._stdin.wait_closed()


def _environment() -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
