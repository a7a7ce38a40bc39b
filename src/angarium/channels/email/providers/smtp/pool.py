"""A pool of open sessions, so that most mails need neither a connection nor a handshake, and the permits of its slots.

A permit is a mail, a slot, and an open session or the reason why there is none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self

import msgspec

from angarium.channels.email.providers.smtp.classify import Phase, lost
from angarium.channels.email.providers.smtp.connect import SessionRefused
from angarium.channels.email.providers.smtp.session import Answer, Envelope, Session
from angarium.channels.email.providers.smtp.times import SessionLost, StepTimedOut
from angarium.delivery.outcome import Outcome, Permanent
from angarium.delivery.provider import NoPermit, Outbound
from angarium.platform.clock import Clock

GOODBYE = 1.0
"""Seconds that a server may take to close after QUIT."""
_UNAVAILABLE = 421


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


class Letter(msgspec.Struct, frozen=True):
    """A mail as sent: dot-stuffed `data` that ends in CRLF."""

    envelope: Envelope
    data: bytes


class Post(Protocol):
    """The provider's interface for permits. No method raises."""

    def letter(self, message: Outbound) -> Letter | Outcome:
        """Build the mail, or return the outcome of a message that cannot be one."""
        ...

    def patience(self, message: Outbound) -> float | None:
        """Seconds after which a mail without its final dot is aborted; None: never."""
        ...

    def outcome(self, answer: Answer, message: Outbound) -> Outcome:
        """The outcome of the server's answer to the mail."""
        ...

    def broken(self, phase: Phase, error: Exception) -> Outcome:
        """The outcome if our own code failed in `phase`."""
        ...


class SmtpPermit:
    """Entering builds the mail, acquires a slot of the pool and opens a session. Leaving releases the slot.

    The mail is built before the wait, so that no session is idle meanwhile. A message that cannot be a mail takes no
    slot. If no session can be opened, entering succeeds and `send` returns the reason: contacting a server counts as an
    attempt, waiting does not.
    """

    def __init__(self, pool: SessionPool, post: Post, message: Outbound) -> None:
        self._pool = pool
        self._post = post
        self._message = message
        self._letter: Letter | Outcome | None = None if message.files else post.letter(message)
        self._session: Session | None = None
        self._failure: Exception | None = None
        self._phase = Phase.SESSION

    async def __aenter__(self) -> Self:
        if self._letter is None:  # with attachments: in a thread
            self._letter = await asyncio.to_thread(self._post.letter, self._message)
        if not isinstance(self._letter, Letter):
            return self
        await self._pool.wait()
        try:
            await self._open()
        except BaseException:
            self._pool.leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(self._letter, Letter):
            return
        session, self._session = self._session, None
        if session is not None:
            self._pool.keep(session)
        self._pool.leave()

    async def send(self) -> Outcome:
        """Make one attempt. Raises only CancelledError."""
        if not isinstance(self._letter, Letter):
            assert self._letter is not None  # noqa: S101 - for the type checker; the permit was entered
            return self._letter
        try:
            result = await self._transfer(self._letter)
        except Exception as error:  # noqa: BLE001 - the port promises an outcome whatever happens
            return self._post.broken(self._phase, error)
        return self._post.outcome(result, self._message) if isinstance(result, Answer) else result

    async def _transfer(self, letter: Letter) -> Answer | Outcome:
        """Send the mail; return the server's answer, or an outcome if there is none.

        A session that had ended before this mail began is replaced. Unexpected errors of `connect` are raised.
        """
        while True:
            if self._failure is not None:
                return self._refusal(self._failure)
            assert self._session is not None  # noqa: S101 - for the type checker; the permit was entered
            result = _unfit(self._session, letter) or await self._transferred(self._session, letter)
            if result is not None:
                return result
            try:
                async with asyncio.timeout(self._post.patience(self._message)):
                    await self._open()
            except TimeoutError:
                return lost(Phase.SESSION, "no session in time")

    async def _open(self) -> None:
        self._phase = Phase.SESSION
        try:
            self._session = await self._pool.session()
        except Exception as error:  # noqa: BLE001 - `send` says what it means
            self._failure = error

    @staticmethod
    def _refusal(failure: Exception) -> Outcome:
        if isinstance(failure, SessionRefused):
            return failure.outcome
        raise failure

    async def _transferred(self, session: Session, letter: Letter) -> Answer | Outcome | None:
        """None: the session had ended before this mail began, so another one is needed."""
        patience = self._post.patience(self._message)
        timer = None
        if patience is not None:  # the transfer is aborted if its final dot was not sent by then
            timer = asyncio.get_running_loop().call_later(patience, session.give_up, round(patience, 1))
        try:
            answer = await session.transfer(letter.envelope, letter.data)
        except StepTimedOut as late:
            self._drop(session)
            return lost(session.phase, str(late))
        except SessionLost:
            self._drop(session)
            return None if session.stale else lost(session.phase, "connection closed")
        except BaseException:
            self._drop(session)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if answer.reply.code != _UNAVAILABLE:
            return answer
        self._drop(session)
        return None if session.uses > 1 and answer.phase in {Phase.SESSION, Phase.MAIL} else answer

    def _drop(self, session: Session) -> None:
        """Close a session with an unknown state at once."""
        self._phase = session.phase
        self._session = None
        session.abort()


def _unfit(session: Session, letter: Letter) -> Outcome | None:
    """Why the server of this session can never accept the mail; None if it can."""
    if letter.envelope.international and not session.supports("smtputf8"):
        return Permanent("the server takes no international addresses (SMTPUTF8)")
    if 0 < session.size_limit < len(letter.data):
        return Permanent(f"the mail is longer than the {session.size_limit} bytes that the server takes")
    return None
