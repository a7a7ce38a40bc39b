"""Reads a file of suppressions: CSV (RFC 4180) with a header line."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from angarium.contracts.errors import Detail, UnsupportedMediaType, ValidationFailed
from angarium.contracts.suppressions import ImportFault, SuppressionCreate
from angarium.platform.csv_records import CsvRecord, read_records
from angarium.platform.http.frame.validation import details_of

COLUMNS = ("channel", "address", "reason", "source", "expires_at")
"""Permitted columns; `channel` and `address` are required. An empty cell counts as absent."""
IGNORED = frozenset({"id", "created_at"})
"""Columns that an import ignores: `created_at` is in exports, `id` in other lists."""
MOST_ROWS = 10_000
MOST_FAULTS = 100
DEFAULT_SOURCE = "import"


@dataclass(frozen=True, slots=True)
class SuppressionFile:
    """The entries of a file, and its invalid lines. `refused` counts them; `faults` has the first 100 errors."""

    entries: Sequence[SuppressionCreate]
    refused: int
    faults: Sequence[ImportFault]


def read_file(content_type: str, body: bytes) -> SuppressionFile:
    """Read the entries of a file. CPU-bound, up to a second: run it in a thread.

    Raises UnsupportedMediaType; ValidationFailed for a file without rows, with more than 10,000 rows, with unknown or
    missing columns, or that is not valid CSV.
    """
    if content_type.partition(";")[0].strip().lower() != "text/csv":
        message = "The content type must be text/csv"
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
    for line, fields, problem in rows:
        if problem is not None:
            refused += 1
            faults.append(ImportFault(line=line, field="body", message=problem))
            continue
        try:
            entries.append(SuppressionCreate.model_validate({"source": DEFAULT_SOURCE, **fields}))
        except ValidationError as error:
            refused += 1
            faults += [ImportFault(line=line, field=d.field, message=d.message) for d in details_of(error.errors())]
    return SuppressionFile(entries, refused, faults[:MOST_FAULTS])


def _rows(body: bytes) -> Iterator[tuple[int, dict[str, str], str | None]]:
    """Each row that is not blank: its first line, and its non-empty cells or its error."""
    records = read_records(io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline=""))
    names = _names(next(records, None))
    for record in records:
        problem = record.problem
        if problem is None and len(record.cells) > len(names):
            problem = f"has {len(record.cells)} cells for {len(names)} columns"
        if problem is not None:
            yield record.line, {}, problem
        elif any(record.cells):
            given = {name: cell.strip() for name, cell in zip(names, record.cells, strict=False) if cell.strip()}
            yield record.line, {name: cell for name, cell in given.items() if name not in IGNORED}, None


def _names(first: CsvRecord | None) -> list[str]:
    """The column names of the first record. Raises ValidationFailed."""
    if first is not None and first.problem is not None:
        raise ValidationFailed.of("body", f"line {first.line}: {first.problem}")
    names = [name.strip() for name in first.cells] if first is not None else []
    _check_names(names)
    return names


def _check_names(names: Sequence[str]) -> None:
    details = [Detail(name or "body", "unknown column") for name in names if name not in {*COLUMNS, *IGNORED}]
    details += [Detail(name, "column is given twice") for name in sorted({n for n in names if names.count(n) > 1})]
    details += [Detail(name, "column is required") for name in ("channel", "address") if name not in names]
    if details:
        raise ValidationFailed(details=details)
