"""How long each step of an SMTP dialogue may take (RFC 5321 §4.5.3.2).

Each step has a time of its own. Waiting for a free session is no step and has no limit.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from angarium.channels.email.providers.smtp.classify import Phase

_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds for each step; the defaults are the minimums of RFC 5321, but for `connect`.

    A timeout after the final dot makes duplicates (RFC 1047): the server may have taken the mail. So `final` is
    separate from all others and long.
    """

    connect: float = 30.0  # TCP, for each address of the host; not in the RFC
    greeting: float = 300.0  # the greeting, and each reply until the first mail: EHLO, STARTTLS, AUTH
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0  # no byte of the mail was taken for so long
    final: float = 600.0

    @classmethod
    def of(cls, step: timedelta | None = None, final: timedelta | None = None) -> "Times":
        """The defaults; with `step`, that for every step but the final dot; with `final`, that for the final dot."""
        times = cls()
        dot = times.final if final is None else final.total_seconds()
        if step is None:
            return cls(final=dot)
        each = step.total_seconds()
        return cls(connect=each, greeting=each, mail=each, rcpt=each, data=each, block=each, final=dot)

    def reply(self, phase: Phase) -> float:
        """The time for the reply in `phase`."""
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
    """Calls `expired` with the step's seconds when a step is not over in time.

    One handle of the loop serves many steps: it is moved only where a step ends before the handle's time. A handle
    for each step would cost as much as building the mail.
    """

    def __init__(self, expired: Callable[[float], None]) -> None:
        self._expired = expired
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._seconds = 0.0
        self._end = _NEVER

    def begin(self, seconds: float) -> None:
        """A step begins; the one before is over."""
        self._seconds = seconds
        self._end = self._loop.time() + seconds
        if self._handle is None:
            self._handle = self._loop.call_at(self._end, self._look)
        elif self._handle.when() > self._end:
            self._handle.cancel()
            self._handle = self._loop.call_at(self._end, self._look)

    def end(self) -> None:
        """No step is under way."""
        self._end = _NEVER

    def close(self) -> None:
        """Leave nothing in the loop."""
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
