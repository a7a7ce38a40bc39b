"""The errors of a template, each with an excerpt of the source around it."""

from collections.abc import Mapping, Sequence
from typing import Any

from angarium.contracts.errors import Detail

BESIDE = 2
"""The number of lines shown before and after the line of an error."""
LONGEST_LINE = 160


def faults_of(details: Sequence[Detail], fields: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    """Each error as `{"field", "anchor", "message", "line", "column", "excerpt"}`. `fields` are the form's fields.

    `anchor` is the name of the form field: `retry_delays` for the error field `retry_delays.0`.
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
    """The lines around a position, with their numbers. The line itself has a `mark`: spaces and a caret below it."""
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
    """The caret, indented to the column. Tabs of the line are kept, so that the caret is below its character."""
    if column is None or not 1 <= column <= LONGEST_LINE:
        return None
    return "".join("\t" if character == "\t" else " " for character in line[: column - 1].ljust(column - 1)) + "^"
