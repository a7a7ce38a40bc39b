"""Timeouts of the steps of an SMTP dialogue (RFC 5321 §4.5.3.2).

Each step has its own timeout. Waiting for a free session is not a step and has no limit.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from angarium.channels.email.providers.smtp.classify import Phase

_NEVER = float("inf")


class SessionLost(ConnectionError):
    """The server closed the connection"""


class StepTimedOut(SessionLost):
    """A step of the dialogue timed out"""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")


@dataclass(frozen=True, slots=True)
class Times:
    """Timeouts in seconds; the defaults are the minimums of RFC 5321, except `connect`.

    A timeout after the final dot causes duplicates (RFC 1047), since the server may have accepted the mail. So `final`
    is separate and long.
    """

    connect: float = 30.0  # TCP, for each address of the host; not in the RFC
    greeting: float = 300.0  # the greeting, and each reply until the first mail: EHLO, STARTTLS, AUTH
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0  # no byte of the mail was accepted for this long
    final: float = 600.0

    @classmethod
    def of(cls, step: timedelta | None = None, final: timedelta | None = None) -> "Times":
        """The defaults, with `step` for every step except the final dot and `final` for the final dot, if given."""
        times = cls()
        dot = times.final if final is None else final.total_seconds()
        if step is None:
            return cls(final=dot)
        each = step.total_seconds()
        return cls(connect=each, greeting=each, mail=each, rcpt=each, data=each, block=each, final=dot)

    def reply(self, phase: Phase) -> float:
        """The timeout of the reply in `phase`."""
        match phase:
            case Phase.FINAL:
                return self.final
            case Phase.MAIL:
                return self.mail
            case Phase.RCPT | Phase.COPY:
                return self.rcpt
            case Phase.DATA:
                return self.data
            case Phase.SESSION:
                return self.greeting


class StepTimer:
    """Calls `expired` with the step's timeout when a step takes too long.

    One timer handle is shared by many steps and rescheduled only when necessary. A handle per step would cost as much
    as building the mail.
    """

    def __init__(self, expired: Callable[[float], None]) -> None:
        self._expired = expired
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._seconds = 0.0
        self._end = _NEVER

    def begin(self, seconds: float) -> None:
        """Start a step, which ends the previous one."""
        self._seconds = seconds
        self._end = self._loop.time() + seconds
        if self._handle is None:
            self._handle = self._loop.call_at(self._end, self._look)
        elif self._handle.when() > self._end:
            self._handle.cancel()
            self._handle = self._loop.call_at(self._end, self._look)

    def end(self) -> None:
        """End the current step."""
        self._end = _NEVER

    def close(self) -> None:
        """Cancel the timer."""
        self._end = _NEVER
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look(self) -> None:
        assert self._handle is not None  # noqa: S101 - for the type checker; this is its callback
        now, self._handle = self._handle.when(), None
        if self._end <= now:
            self._end = _NEVER
            self._expired(self._seconds)
        elif self._end < _NEVER:
            self._handle = self._loop.call_at(self._end, self._look)
