"""Output of the commands: tables on a terminal, tab-separated rows in a pipe, JSON with `--json`.

Values are neither wrapped nor truncated, so that identifiers can be copied. Control characters in data from the
gateway, such as a template's name, are printed as escapes.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from angarium.platform.telemetry.terminal import on_one_line, printable

__all__ = ["Output", "printable", "secret_text"]

_GAP = 2


class Output:
    """Prints to standard output. With `as_json` it prints the data as JSON, unchanged."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def thing(self, data: Mapping[str, Any], text: str) -> None:
        """Print one object: its data as JSON, or `text`."""
        if self._as_json:
            self._json(data)
        else:
            self._lines([printable(text)])

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str) -> None:
        """Print a list as JSON, or as a table of `columns` (heading → dotted path into a row).

        On a terminal the columns are aligned; if the terminal is too narrow, each row is a block of lines. In a pipe,
        the headings and each row are lines of tab-separated cells. Without rows, prints `empty`.
        """
        if self._as_json:
            self._json(rows)
            return
        if not rows:
            self._lines([empty])
            return
        cells = [[on_one_line(_text(_at(row, path))) for path in columns.values()] for row in rows]
        if not sys.stdout.isatty():
            self._lines("\t".join(row) for row in [list(columns), *cells])
        else:
            self._lines(_aligned([list(columns), *cells], shutil.get_terminal_size().columns))

    def _json(self, data: object) -> None:
        self._lines([json.dumps(data, ensure_ascii=False)])

    def _lines(self, lines: "Sequence[str] | Iterator[str]") -> None:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


def secret_text(fields: Mapping[str, str]) -> str:
    """Format a new secret as labelled lines; the secret is the last field."""
    size = max(map(len, fields)) + _GAP
    lines = (f"{label:<{size}}{value}" for label, value in fields.items())
    return "\n".join([*lines, "", "Copy the key now: it is shown only once."])


def _aligned(table: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Format a table as lines, at most `width` columns wide if possible. The first row holds the headings."""
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    if sum(widths) + _GAP * (len(widths) - 1) > width:
        yield from _blocks(table)
        return
    for row in table:
        yield "".join(
            cell + " " * (size + _GAP - cell_len(cell)) for cell, size in zip(row, widths, strict=True)
        ).rstrip()


def _blocks(table: Sequence[Sequence[str]]) -> Iterator[str]:
    headings, *rows = table
    size = max(map(cell_len, headings)) + _GAP
    for number, row in enumerate(rows):
        if number:
            yield ""
        for heading, cell in zip(headings, row, strict=True):
            yield f"{heading:<{size}}{cell}".rstrip()


def _at(row: Any, path: str) -> Any:
    for part in path.split("."):
        row = row.get(part) if isinstance(row, Mapping) else None
    return row


def _text(value: Any) -> str:
    return "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
