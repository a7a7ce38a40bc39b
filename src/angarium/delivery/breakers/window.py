"""One worker's recent outcomes of a provider, which open its circuit breaker."""

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.platform.clock import Clock

WINDOW = timedelta(seconds=30)
FEWEST_ANSWERS = 20
FAULTY_SHARE = 0.5
CONNECTIONS_IN_A_ROW = 5


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
