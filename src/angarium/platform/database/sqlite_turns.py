"""Turns to write an SQLite file, for the processes and connections that share it.

SQLite does not queue for its write lock: a waiting connection polls, at growing intervals, so that a busy writer
starves the others. A connection that begins to write therefore first takes a lock of the operating system on a file
beside the database. Waiters for it sleep in the kernel and are woken in order. It is for fairness only: SQLite's own
lock decides.
"""

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from angarium.platform.database.limits import LOCK_TIMEOUT

SUFFIX = "-turn"
"""Of the file's name, after the database's."""
MOST_WAITING = 32
"""Threads that wait for a turn of connections. Beyond that a connection begins without one."""


class Turns:
    """Turns to write the database at `path`. Where the file system has no locks, each turn begins at once."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + SUFFIX)
        self._waiting = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn and hold it. For threads; a holder that is stopped (SIGSTOP) stops the others, too."""
        descriptor = self._taken()
        try:
            yield
        finally:
            _end(descriptor)

    def begin(self, begin: Callable[[], object], wait: Callable[[Awaitable[int | None]], int | None]) -> None:
        """Call `begin` in a turn, which ends with it. For the event loop; `wait` awaits.

        After LOCK_TIMEOUT `begin` is called without a turn.
        """
        descriptor = self._open()
        try:
            if descriptor is not None and not _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                _end(descriptor)
                descriptor = None
                descriptor = wait(self._waited())
            begin()
        finally:
            _end(descriptor)

    async def _waited(self) -> int | None:
        """The descriptor with the lock, for which a thread waits; None after LOCK_TIMEOUT."""
        if self._waiting >= MOST_WAITING:
            return None
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[int | None] = loop.create_future()
        self._waiting += 1
        # A thread of its own, which may wait for long: those of the pool are for look-ups of addresses as well.
        Thread(target=self._wait, args=(loop, turn), daemon=True, name="sqlite-turn").start()
        try:
            async with asyncio.timeout(LOCK_TIMEOUT):
                return await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # it came at the same moment
                _end(turn.result())
            if isinstance(error, TimeoutError):
                return None
            raise

    def _wait(self, loop: asyncio.AbstractEventLoop, turn: asyncio.Future[int | None]) -> None:
        descriptor = self._taken()
        try:
            loop.call_soon_threadsafe(self._arrived, turn, descriptor)
        except RuntimeError:  # the loop was closed
            _end(descriptor)

    def _arrived(self, turn: asyncio.Future[int | None], descriptor: int | None) -> None:
        self._waiting -= 1
        if turn.done():
            _end(descriptor)
        else:
            turn.set_result(descriptor)

    def _taken(self) -> int | None:
        descriptor = self._open()
        if descriptor is not None:
            _lock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def _open(self) -> int | None:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None


def _end(descriptor: int | None) -> None:
    """Release the lock."""
    if descriptor is not None:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    """Whether the lock is taken; False: another has it."""
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True
