"""Reads the records of a CSV file (RFC 4180); a faulty one does not affect the others."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType

_MESSAGES = MappingProxyType(
    {
        "unexpected end of data": "a quoted cell is not closed",
        "field larger than field limit": "a cell is too long",
        "',' expected after '\"'": "text follows a quoted cell",
    }
)
"""The module's messages by their beginnings."""


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """The first line of a record, from 1, and its cells or its error."""

    line: int
    cells: list[str]
    problem: str | None = None


def read_records(lines: Iterable[str]) -> Iterator[CsvRecord]:
    """Read the records of `lines`, which keep their line ends.

    After an error reading continues with the line after the record's first one, so a quote that is not closed costs
    one line and not the rest of the file. Linear: of two lines at most one can leave a quote open.
    """
    source = _Lines(lines)
    reader = csv.reader(source, strict=True)
    line = 1
    while True:
        source.taken.clear()
        try:
            yield CsvRecord(line, next(reader))
        except StopIteration:
            return
        except csv.Error as error:
            source.put_back()
            yield CsvRecord(line, [], _message(error))
        line += len(source.taken)


class _Lines:
    """Lines of which those of the current record can be read again."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._waiting: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self.taken.append(line)
        return line

    def put_back(self) -> None:
        """Return all lines but the first."""
        self._waiting.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def _message(error: csv.Error) -> str:
    text = str(error)
    return next((message for begin, message in _MESSAGES.items() if text.startswith(begin)), text)
