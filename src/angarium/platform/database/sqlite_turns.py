"""Turns to write an SQLite file, for the processes and connections that share it.

SQLite does not queue for its write lock: a waiting connection polls, at growing intervals, so that a busy writer
starves the others. A connection that begins to write therefore first takes a lock of the operating system on a file
beside the database. Waiters for it sleep in the kernel and are woken in order. It is for fairness only: SQLite's own
lock decides.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from angarium.platform.database.limits import LOCK_TIMEOUT

SUFFIX = "-turn"
"""Of the file's name, after the database's."""


class Turns:
    """Turns to write the database at `path`. Where the file system has no locks, each turn begins at once."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + SUFFIX)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn and hold it. For threads; a holder that is stopped (SIGSTOP) stops the others, too."""
        descriptor = self._open()
        try:
            if descriptor is not None:
                _lock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def begin(self, begin: Callable[[], object], wait: Callable[[asyncio.Future[bool]], object]) -> None:
        """Call `begin` in a turn, which ends with it. For the event loop; `wait` awaits a future.

        After LOCK_TIMEOUT `begin` is called without a turn.
        """
        descriptor = self._open()
        try:
            if descriptor is not None and not _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                wait(asyncio.ensure_future(_locked(descriptor)))
            begin()
        finally:
            if descriptor is not None:
                os.close(descriptor)  # a thread that still waits for the lock gets and loses it

    def _open(self) -> int | None:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None


def _lock(descriptor: int, kind: int) -> bool:
    """Whether the lock is taken; False: another has it."""
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


async def _locked(descriptor: int) -> bool:
    try:
        async with asyncio.timeout(LOCK_TIMEOUT):
            return await asyncio.to_thread(_lock, descriptor, fcntl.LOCK_EX)
    except TimeoutError:
        return False
