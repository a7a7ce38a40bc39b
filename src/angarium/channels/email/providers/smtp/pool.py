"""Sessions that are kept open and used again, so that a mail costs neither a connection nor a handshake."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from angarium.channels.email.providers.smtp.session import Session, SessionLost
from angarium.platform.clock import Clock

GOODBYE = 1.0
"""Seconds that a server gets to close after QUIT."""


class PoolClosed(SessionLost):
    """The provider is closed"""


class SessionPool:
    """At most `size` sessions at once, those waiting served in their order.

    The one used last is used first, so that under little load the others grow old. One that was idle for `max_idle`
    or was closed by the server meanwhile is replaced.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Session]], *, size: int, max_idle: timedelta, clock: Clock
    ) -> None:
        self._connect = connect
        self._size = size
        self._max_idle = max_idle.total_seconds()
        self._clock = clock
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Session] = []
        self.closed = False

    async def acquire(self) -> Session:
        """A living session, to be given back or dropped. Raises PoolClosed and whatever `connect` raises."""
        await self._slots.acquire()
        if self.closed:
            self._slots.release()
            raise PoolClosed
        try:
            return self._take_idle() or await self._connect()
        except BaseException:
            self._slots.release()
            raise

    def give_back(self, session: Session) -> None:
        """`session` may serve again."""
        session.idle_since = self._clock.monotonic()
        self._idle.append(session)
        self._slots.release()

    def drop(self, session: Session) -> None:
        """`session` is in an unknown state: close it at once."""
        session.abort()
        self._slots.release()

    async def close(self) -> None:
        """Refuse new mails, let those under way end, and close every session; idempotent."""
        if self.closed:
            return
        self.closed = True
        for _ in range(self._size):
            await self._slots.acquire()
        for _ in range(self._size):
            self._slots.release()
        sessions, self._idle = self._idle, []
        await asyncio.gather(*(_goodbye(session) for session in sessions))

    def _take_idle(self) -> Session | None:
        oldest = self._clock.monotonic() - self._max_idle
        while self._idle:
            session = self._idle.pop()
            if session.alive and session.idle_since >= oldest:
                return session
            session.quit()
        return None


async def _goodbye(session: Session) -> None:
    session.quit()
    try:
        async with asyncio.timeout(GOODBYE):
            await session.closed()
    except TimeoutError:
        session.abort()
        await session.closed()
