"""The table of a run of fault tests: `fault | accepted | lost | duplicated | ambiguous | verdict`."""

import logging
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from angarium.testing.ledger import Account

_LOGGER = logging.getLogger("tests.faults.figures")
_HEAD = ("#", "fault", "accepted", "lost", "duplicated", "ambiguous", "verdict", "note")


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of notifications; `duplicated` and `ambiguous` count additional mails.

    `ambiguous`: repeated or left `unknown` because the answer to a send was lost. `duplicated`: repeated otherwise.
    """

    accepted: int = 0
    lost: int = 0
    duplicated: int = 0
    ambiguous: int = 0

    @classmethod
    def of(cls, account: Account, *, window: int = 0) -> Self:
        """The figures of an account. `window`: the sends in flight when their process was killed or frozen."""
        inside = min(account.duplicated, window)
        return cls(account.accepted, account.lost, account.duplicated - inside, account.ambiguous + inside)

    def __add__(self, other: "Figures") -> "Figures":
        """The sum of the figures of two tests of a fault."""
        return Figures(
            self.accepted + other.accepted,
            self.lost + other.lost,
            self.duplicated + other.duplicated,
            self.ambiguous + other.ambiguous,
        )


@dataclass(slots=True)
class Row:
    """The results of the tests of one fault."""

    figures: Figures | None = None
    notes: list[str] = field(default_factory=list)
    passed: int = 0
    failed: int = 0

    @property
    def verdict(self) -> str:
        """`ok` if every test passed and nothing was lost, or duplicated outside the ambiguous window."""
        if self.failed or (self.figures and (self.figures.lost or self.figures.duplicated)):
            return "FAILED"
        return "ok" if self.passed else "not run"

    def cells(self) -> tuple[str, ...]:
        """The cells after number and name."""
        counts: tuple[str, ...] = ("–",) * 4
        if self.figures:
            shown = (self.figures.accepted, self.figures.lost, self.figures.duplicated, self.figures.ambiguous)
            counts = tuple(f"{count:,}" for count in shown)
        tests = f"{self.passed + self.failed} test{'s' if self.passed + self.failed != 1 else ''}"
        return (*counts, self.verdict, "; ".join([*dict.fromkeys(self.notes), tests]))


@dataclass(slots=True)
class Seen:
    """The notes of one test."""

    figures: list[Figures] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class FaultTable:
    """Collects the notes of tests by fault."""

    def __init__(self, faults: Mapping[int, str]) -> None:
        self._faults = faults
        self._rows = {number: Row() for number in faults}

    def add(self, faults: Iterable[int], seen: Seen, *, passed: bool) -> None:
        """Add the result of a test of `faults`."""
        for number in faults:
            row = self._rows[number]
            row.passed += passed
            row.failed += not passed
            row.notes += seen.notes
            for figures in seen.figures:
                row.figures = figures if row.figures is None else row.figures + figures

    def markdown(self) -> str:
        """The table of all rows with at least one test in this run."""
        lines = ["| " + " | ".join(_HEAD) + " |", "|" + "---|" * len(_HEAD)]
        for number, row in self._rows.items():
            if row.passed or row.failed:
                lines.append(f"| {number} | {self._faults[number]} | {' | '.join(row.cells())} |")
        return "\n".join(lines) + "\n"


def note_account(account: Account, *, window: int = 0) -> None:
    """Add the ledger's account to the table."""
    _LOGGER.info("%s", account, extra={"seen": Figures.of(account, window=window)})


def note(text: str) -> None:
    """Add another figure to the table."""
    _LOGGER.info("%s", text, extra={"seen": text})


@contextmanager
def noting() -> Generator[Seen]:
    """Collect the notes made within the block."""
    seen = Seen()
    handler, level = _Collector(seen), _LOGGER.level
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    try:
        yield seen
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)


class _Collector(logging.Handler):
    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        found = record.__dict__.get("seen")
        if isinstance(found, Figures):
            self._seen.figures.append(found)
        elif isinstance(found, str):
            self._seen.notes.append(found)
