"""One worker's view of a provider's circuit breaker, and the recent outcomes that open it.

A pure state machine: its inputs are outcomes and the shared state, its output, `change`, is to be written to the shared
state. The worker acts on its own view at once, without waiting for the database.

    closed → open        too many provider faults, or the provider refuses our configuration
    open → half_open     the pause is over, something wants to be sent, and this worker won the probe
    half_open → closed   the probe was answered
    half_open → open     the probe met a provider fault; the next pause is longer
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from angarium.contracts.providers import BreakerState
from angarium.delivery.breakers.pace import Pace
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.notifications.providers.model import REFUSED, ProviderState
from angarium.platform.clock import Clock

WINDOW = timedelta(seconds=30)
FEWEST_ANSWERS = 20
FAULTY_SHARE = 0.5
CONNECTIONS_IN_A_ROW = 5
PAUSES: Sequence[timedelta] = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 16, 30))
"""How long the breaker stays open after each trip in a row; the last one repeats."""
MISCONFIGURED: Sequence[timedelta] = (timedelta(seconds=30),)
"""The pauses after the provider refused our credentials or account, which only an operator can fix."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The answers within `WINDOW`, the faults among them, and the current run of connection failures."""

    answers: int = 0
    faults: int = 0
    in_a_row: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """The sum of two workers' counts."""
        return Counts(self.answers + other.answers, self.faults + other.faults, self.in_a_row + other.in_a_row)

    @property
    def error_rate(self) -> float | None:
        """The fraction of faults; None without answers."""
        return self.faults / self.answers if self.answers else None

    def reason(self, others: "Counts | None" = None) -> str | None:
        """Why the breaker must open, for operators; None if it need not.

        These are one worker's counts, with its run of failures. The runs of several workers can be added only if there
        was no successful connection, since their order is unknown.
        """
        total = self if others is None else self.plus(others)
        in_a_row = self.in_a_row if total.answers > total.faults else total.in_a_row
        if in_a_row >= CONNECTIONS_IN_A_ROW:
            return f"{in_a_row} connection failures in a row"
        if total.answers >= FEWEST_ANSWERS and total.faults >= total.answers * FAULTY_SHARE:
            return f"{total.faults} of {total.answers} answers within {WINDOW.seconds} s were provider faults"
        return None


class Window:
    """Counts the outcomes within `WINDOW` in steps of a second.

    An answer about a recipient says nothing about the provider and is not counted; it only ends a run of connection
    failures.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._steps: deque[_Step] = deque()
        self._answers = self._faults = self._in_a_row = 0

    def add(self, outcome: Outcome) -> bool:
        """Count an outcome; return whether it is a provider fault."""
        match outcome:
            case Sent():
                self._count(fault=False)
            case Retry(provider_fault=True, unreachable=True):
                self._count(fault=True)
                self._in_a_row += 1
                return True
            case Retry(provider_fault=True) | Ambiguous():
                self._count(fault=True)
                self._in_a_row = 0
                return True
            case Retry() | Permanent() | Configuration():
                pass
            case _:
                assert_never(outcome)
        self._in_a_row = 0
        return False

    def counts(self) -> Counts:
        """The current counts."""
        self._forget(int(self._clock.monotonic()))
        return Counts(self._answers, self._faults, self._in_a_row)

    def clear(self) -> None:
        """Reset the counts, which belong to the time before the breaker opened."""
        self._steps.clear()
        self._answers = self._faults = self._in_a_row = 0

    def _count(self, *, fault: bool) -> None:
        second = int(self._clock.monotonic())
        if not self._steps or self._steps[-1].second != second:
            self._forget(second)
            self._steps.append(_Step(second))
        step = self._steps[-1]
        step.answers += 1
        step.faults += fault
        self._answers += 1
        self._faults += fault

    def _forget(self, second: int) -> None:
        while self._steps and self._steps[0].second <= second - WINDOW.seconds:
            step = self._steps.popleft()
            self._answers -= step.answers
            self._faults -= step.faults


@dataclass(slots=True)
class _Step:
    second: int
    answers: int = 0
    faults: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """Open the breaker for all workers. `probed`: this worker's probe failed."""

    reason: str
    pauses: Sequence[timedelta]
    probed: bool


@dataclass(frozen=True, slots=True)
class Close:
    """Close the breaker for all workers: this worker's probe was answered."""


Change = Open | Close


class Breaker:
    """Decides whether a provider may be used now. Not safe across threads.

    Without `automatic`, only operators open and close it: for providers that fail on demand, such as `sandbox`.
    """

    def __init__(self, clock: Clock, *, automatic: bool = True) -> None:
        self.pace = Pace(clock)
        self.state = BreakerState.CLOSED
        self.change: Change | None = None
        self.wanted = False
        """Whether a message was refused since the last pass: without one a probe has nothing to send."""
        self.used = False
        """Whether a message was sent since the last pass."""
        self._window = Window(clock)
        self._others = Counts()
        self._probes = 0
        self._probing = False
        self._automatic = automatic

    @property
    def counts(self) -> Counts:
        """This worker's recent counts."""
        return self._window.counts()

    def admits(self) -> bool:
        """Whether a message may be sent through the provider now."""
        if self.state is BreakerState.CLOSED or self._probes:
            return True
        self.wanted = True
        return False

    def begin(self) -> bool:
        """Note that a message is about to be sent; return whether it is the probe."""
        self.used = True
        if self.state is BreakerState.CLOSED or not self._probes:
            return False
        self._probes = 0
        self._probing = True
        return True

    def withdrawn(self) -> None:
        """Note that the probe made no attempt; another message may take its place."""
        if self._probing:
            self._probing, self._probes = False, 1

    def answered(self, outcome: Outcome, *, probe: bool) -> None:
        """Note the `outcome` of an attempt."""
        fault = self._window.add(outcome)
        if not self._automatic:
            return
        if isinstance(outcome, Configuration):
            self._trip(f"{REFUSED}{outcome.answer}", MISCONFIGURED, probed=probe)
        elif probe:
            self._probed(outcome)
        elif fault and self.state is BreakerState.CLOSED:
            reason = self._window.counts().reason(self._others)
            if reason is not None:
                self._trip(reason, PAUSES, probed=False)

    def take_probe(self) -> None:
        """Note that this worker won the probe: the next message may be sent."""
        self.state = BreakerState.HALF_OPEN
        self._probes = 1

    def apply(self, shared: ProviderState) -> None:
        """Adopt the shared state. An own change that is not written yet takes precedence."""
        self._others = Counts(shared.answers, shared.faults, shared.in_a_row)
        if self.change is not None:
            return
        if shared.breaker is BreakerState.CLOSED:
            if self.state is not BreakerState.CLOSED:
                self._closed(forced=shared.forced)
        elif shared.breaker is BreakerState.OPEN or not (self._probes or self._probing):
            if self.state is BreakerState.CLOSED:
                self._window.clear()
            self.state = shared.breaker
            self._probes, self._probing = 0, False

    def _probed(self, outcome: Outcome) -> None:
        self._probing = False
        match outcome:
            case Sent() | Permanent() | Retry(provider_fault=False):
                self.change = Close()
                self._closed(forced=False)
            case Retry() | Ambiguous():
                self._trip(outcome.answer, PAUSES, probed=True)
            case Configuration():
                self._trip(f"{REFUSED}{outcome.answer}", MISCONFIGURED, probed=True)
            case _:
                assert_never(outcome)

    def _trip(self, reason: str, pauses: Sequence[timedelta], *, probed: bool) -> None:
        if self.state is BreakerState.OPEN and not probed:
            return
        self.state = BreakerState.OPEN
        self.change = Open(reason, pauses, probed)
        self._probes, self._probing = 0, False
        self._window.clear()

    def _closed(self, *, forced: bool) -> None:
        self.state = BreakerState.CLOSED
        self._probes, self._probing = 0, False
        self._window.clear()
        if not forced:
            self.pace.ramp_up()
