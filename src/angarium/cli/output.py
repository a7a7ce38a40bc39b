"""What the commands print: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


class Output:
    """Prints to standard output; `as_json` prints the data as it is."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(highlight=False)

    def thing(self, data: Mapping[str, Any], text: str) -> None:
        """One thing: its data, or `text`."""
        if self._as_json:
            self._json(data)
        else:
            self._console.print(text, markup=False)

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str) -> None:
        """A list: its rows, or a table of `columns` (heading → dotted path into a row)."""
        if self._as_json:
            self._json(rows)
        elif not rows:
            self._console.print(empty, markup=False)
        else:
            self._console.print(_table(rows, columns))

    def _json(self, data: object) -> None:
        sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in columns:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_text(_at(row, path)) for path in columns.values()))
    return table


def _at(row: Any, path: str) -> Any:
    for part in path.split("."):
        row = row.get(part) if isinstance(row, Mapping) else None
    return row


def _text(value: Any) -> str:
    return "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
