"""Reads a file of suppressions: CSV (RFC 4180) with a header line."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from angarium.contracts.errors import Detail, UnsupportedMediaType, ValidationFailed
from angarium.contracts.suppressions import ImportFault, SuppressionCreate
from angarium.platform.http.frame.validation import details_of

COLUMNS = ("channel", "address", "reason", "source", "expires_at")
"""Permitted columns; `channel` and `address` are required. An empty cell counts as absent."""
IGNORED = frozenset({"id", "created_at"})
"""Columns of other lists and of an export that an import ignores."""
MOST_ROWS = 10_000
MOST_FAULTS = 100
DEFAULT_SOURCE = "import"


@dataclass(frozen=True, slots=True)
class SuppressionFile:
    """The entries of a file, and its invalid lines. `faults` has the first 100."""

    entries: Sequence[SuppressionCreate]
    refused: int
    faults: Sequence[ImportFault]


def read_file(content_type: str, body: bytes) -> SuppressionFile:
    """Read the entries of a file. CPU-bound, up to a second: run it in a thread.

    Raises UnsupportedMediaType; ValidationFailed for a file without rows, with more than 10,000, with unknown columns,
    or that is not readable.
    """
    if content_type.partition(";")[0].strip().lower() != "text/csv":
        message = "An import is text/csv"
        raise UnsupportedMediaType(message)
    try:
        rows = list(islice(_rows(body), MOST_ROWS + 1))
    except UnicodeDecodeError:
        raise ValidationFailed.of("body", "must be UTF-8") from None
    if len(rows) > MOST_ROWS:
        raise ValidationFailed.of("body", f"has more than {MOST_ROWS} rows")
    if not rows:
        raise ValidationFailed.of("body", "has no rows")
    entries: list[SuppressionCreate] = []
    refused, faults = 0, list[ImportFault]()
    for line, fields in rows:
        try:
            entries.append(SuppressionCreate.model_validate({"source": DEFAULT_SOURCE, **fields}))
        except ValidationError as error:
            refused += 1
            faults += [ImportFault(line=line, field=d.field, message=d.message) for d in details_of(error.errors())]
    return SuppressionFile(entries, refused, faults[:MOST_FAULTS])


def _rows(body: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row that is not blank: its first line, and its non-empty cells."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline=""), strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        _check_names(names)
        line = reader.line_num + 1
        for cells in reader:
            if any(cells):
                if len(cells) > len(names):
                    raise ValidationFailed.of("body", f"line {line}: has {len(cells)} cells for {len(names)} columns")
                given = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
                yield line, {name: cell for name, cell in given.items() if name not in IGNORED}
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValidationFailed.of("body", f"line {reader.line_num}: {error}") from None


def _check_names(names: Sequence[str]) -> None:
    details = [Detail(name or "body", "unknown column") for name in names if name not in {*COLUMNS, *IGNORED}]
    details += [Detail(name, "column is given twice") for name in sorted({n for n in names if names.count(n) > 1})]
    details += [Detail(name, "column is required") for name in ("channel", "address") if name not in names]
    if details:
        raise ValidationFailed(details=details)
