"""The options of fault test runs: the rows, the number of notifications, and the file for the table."""

from collections.abc import Generator, Iterable, Sequence
from pathlib import Path

import pytest

from tests.faults.matrix import FAULTS
from tests.support.fault_table import FaultTable, Seen, noting

USUAL_VOLUME = 300
"""The default of `--fault-volume`: the number of notifications that a fault test sends."""


def add_options(parser: pytest.Parser) -> None:
    """Add `--fault`, `--fault-volume` and `--fault-table`."""
    parser.addoption("--fault", type=int, action="append", help="run only the tests of this row of the fault matrix")
    parser.addoption("--fault-volume", type=int, default=USUAL_VOLUME, help="notifications that a fault test sends")
    parser.addoption("--fault-table", type=Path, help="print the table of faults, and write it to this file")


def faults_of(item: pytest.Item) -> Sequence[int]:
    """The rows with which a test is marked, in order. UsageError for a row that does not exist."""
    found = sorted({number for mark in item.iter_markers("fault") for number in mark.args})
    if unknown := [number for number in found if number not in FAULTS]:
        raise pytest.UsageError(f"{item.nodeid}: the fault matrix has no row {unknown[0]}")
    return found


def selected(items: Sequence[pytest.Item], rows: Iterable[int]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The tests of `rows`, and the other tests. UsageError if a row has no test."""
    wanted = frozenset(rows)
    chosen = [item for item in items if wanted.intersection(faults_of(item))]
    if missing := wanted - {number for item in chosen for number in faults_of(item)}:
        raise pytest.UsageError(f"no test of row {min(missing)}; the fault matrix is tests/faults/matrix.py")
    return chosen, [item for item in items if item not in chosen]


class FaultReport:
    """A pytest plugin that collects the figures of each fault test, and prints and writes the table at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._table = FaultTable(FAULTS)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Count a test whose set-up fails as failed."""
        try:
            yield
        except BaseException:
            self._table.add(faults_of(item), Seen(), passed=False)
            raise

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """Collect the notes of the test."""
        with noting() as seen:
            try:
                yield
            except KeyboardInterrupt:  # is not a result of the fault
                raise
            except BaseException:
                self._table.add(faults_of(item), seen, passed=False)
                raise
        self._table.add(faults_of(item), seen, passed=True)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the table."""
        table = self._table.markdown()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(table, encoding="utf-8")
        terminalreporter.section("faults")
        terminalreporter.write(table)
