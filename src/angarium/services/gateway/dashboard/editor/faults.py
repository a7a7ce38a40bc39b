"""What is wrong with a template, beside the lines where it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from angarium.contracts.errors import Detail

BESIDE = 2
"""Lines shown before and after the faulty one."""
LONGEST_LINE = 160


def faults_of(details: Sequence[Detail], fields: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    """Each fault with the piece of the source around it; `fields` are the sources by the names that faults have.

    `anchor` names the form's field: that of `retry_delays.0` is `retry_delays`.
    """
    return [
        {
            "field": detail.field,
            "anchor": _anchor(detail.field),
            "message": detail.message,
            "line": detail.line,
            "column": detail.column,
            "excerpt": excerpt(fields.get(detail.field, ""), detail.line, detail.column),
        }
        for detail in details
    ]


def _anchor(field: str) -> str:
    return field if field.startswith("translations.") else field.partition(".")[0]


def excerpt(source: str, line: int | None, column: int | None) -> Sequence[Mapping[str, Any]]:
    """The lines around a place, each with its number; the faulty one has a `mark`: blanks, then a caret below it."""
    lines = source.split("\n")
    if line is None or not 1 <= line <= len(lines):
        return ()
    first, last = max(1, line - BESIDE), min(len(lines), line + BESIDE)
    return [
        {
            "number": number,
            "text": lines[number - 1][:LONGEST_LINE],
            "mark": _mark(lines[number - 1], column) if number == line else None,
        }
        for number in range(first, last + 1)
    ]


def _mark(line: str, column: int | None) -> str | None:
    """Tabs stay tabs, so that the caret is below its character."""
    if column is None or not 1 <= column <= LONGEST_LINE:
        return None
    return "".join("\t" if character == "\t" else " " for character in line[: column - 1].ljust(column - 1)) + "^"
