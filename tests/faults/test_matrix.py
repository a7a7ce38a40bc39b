"""Every row of the fault matrix has a test, and the table of a run shows the figures of its tests."""

import re
from collections.abc import Iterator
from pathlib import Path

from angarium.testing.ledger import Account
from tests.faults.matrix import FAULTS
from tests.support.fault_table import FaultTable, Figures, Seen, note, note_account, noting

TESTS = Path(__file__).parents[1]
MARK = re.compile(r"\bmark\.fault\(([\d, ]+)\)")


def _marked() -> Iterator[int]:
    for path in TESTS.rglob("test_*.py"):
        for numbers in MARK.findall(path.read_text(encoding="utf-8")):
            yield from (int(number) for number in numbers.split(","))


def test_every_row_has_a_test_and_every_mark_a_row() -> None:
    assert set(_marked()) == set(FAULTS)


def test_rows_are_numbered_without_a_gap() -> None:
    assert list(FAULTS) == list(range(1, len(FAULTS) + 1))


def test_copies_within_the_window_are_ambiguous_and_others_duplicated() -> None:
    account = Account(attempted=12, accepted=10, lost=0, duplicated=5, unexpected=0, ambiguous=1)
    assert Figures.of(account, window=3) == Figures(accepted=10, lost=0, duplicated=2, ambiguous=4)


def test_a_row_sums_the_figures_of_its_tests() -> None:
    table = FaultTable({1: "killed", 2: "frozen", 3: "never run"})
    good = Account(attempted=10, accepted=1000, lost=0, duplicated=2, unexpected=0, ambiguous=0)
    with noting() as seen:
        note_account(good, window=4)
        note("503 within 0.4 s")
    table.add([1, 2], seen, passed=True)
    table.add([1], Seen([Figures(500)]), passed=True)
    table.add([2], Seen([Figures(500, lost=1)]), passed=False)
    assert table.markdown().splitlines()[2:] == [
        "| 1 | killed | 1,500 | 0 | 0 | 2 | ok | 503 within 0.4 s; 2 tests |",
        "| 2 | frozen | 1,500 | 1 | 0 | 2 | FAILED | 503 within 0.4 s; 2 tests |",
    ]


def test_a_row_whose_tests_passed_is_not_ok_when_something_was_lost() -> None:
    table = FaultTable({1: "killed"})
    table.add([1], Seen([Figures(10, lost=1)]), passed=True)
    assert "| FAILED |" in table.markdown()
