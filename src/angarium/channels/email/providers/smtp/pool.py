"""A pool of open sessions, so that most mails need neither a connection nor a handshake."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from angarium.channels.email.providers.smtp.session import Session
from angarium.delivery.provider import NoPermit
from angarium.platform.clock import Clock

GOODBYE = 1.0
"""Seconds that a server may take to close after QUIT."""


class SessionPool:
    """At most `size` sessions. Waiters are served in order.

    The most recently used session is used first, so that under low load the others expire. A session that was idle for
    `max_idle` or was closed by the server is replaced.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Session]], *, size: int, max_idle: timedelta, clock: Clock
    ) -> None:
        self._connect = connect
        self._size = size
        self._max_idle = max_idle.total_seconds()
        self._clock = clock
        self._places = asyncio.Semaphore(size)
        self._idle: list[Session] = []
        self.closed = False

    async def wait(self) -> None:
        """Acquire a slot, waiting without a limit; `leave` releases it. Raises NoPermit once closed."""
        if self.closed:
            raise NoPermit
        await self._places.acquire()
        if self.closed:
            self._places.release()
            raise NoPermit

    def leave(self) -> None:
        """Release a slot."""
        self._places.release()

    async def session(self) -> Session:
        """Return a live session to the holder of a slot. Raises the errors of `connect`."""
        return self._take_idle() or await self._connect()

    def keep(self, session: Session) -> None:
        """Return `session` to the pool."""
        session.idle_since = self._clock.monotonic()
        self._idle.append(session)

    async def close(self) -> None:
        """Refuse new mails, let running ones end, and close every session. Idempotent."""
        if self.closed:
            return
        self.closed = True
        for _ in range(self._size):
            await self._places.acquire()
        for _ in range(self._size):
            self._places.release()
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
