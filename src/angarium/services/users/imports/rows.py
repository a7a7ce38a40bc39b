"""Reads the rows of an import, CSV (RFC 4180) or JSON lines, with their line numbers."""

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import msgspec
from pydantic import ValidationError

from angarium.contracts.errors import Detail, UnsupportedMediaType, ValidationFailed
from angarium.contracts.preferences import with_given_preferences
from angarium.contracts.users import UserCreate, UserPatch
from angarium.platform.csv_records import CsvRecord, read_records
from angarium.platform.http.frame.validation import details_of

CSV_TYPES = frozenset({"text/csv"})
JSON_LINES_TYPES = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonlines"})
MOST_ROWS = 100_000
"""Maximum rows per file."""
MOST_LINES = 1_000_000
"""Maximum lines per file, including blank lines and line breaks within cells."""
BodyT = TypeVar("BodyT", UserCreate, UserPatch)
COLUMNS = ("name", "email", "phone", "push_token", "webhook", "locale", "timezone", "metadata")
"""Columns of a CSV file; `metadata` is a JSON object. An empty cell counts as absent."""


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One row of the file: its first line, and its fields or its error."""

    line: int
    fields: Mapping[str, Any]
    problem: Detail | None = None

    @property
    def email(self) -> str | None:
        """The email address, if it is readable."""
        email = self.fields.get("email")
        return email if isinstance(email, str) else None

    def to_create(self) -> UserCreate:
        """Validate it as a new user. Raises ValidationFailed."""
        self._check()
        return _validated(UserCreate, self.fields)

    def to_patch(self) -> UserPatch:
        """Validate it as changes of an existing user; null counts as absent. Raises ValidationFailed."""
        self._check()
        given = {
            name: field
            for name, field in self.fields.items()
            if field is not None or name not in UserPatch.model_fields
        }
        return _validated(UserPatch, with_given_preferences(given))

    def _check(self) -> None:
        if self.problem is not None:
            raise ValidationFailed(details=[self.problem])
        if "password" in self.fields:
            raise ValidationFailed.of("password", "is not taken in an import")


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A readable file. Rows are created lazily, to save memory."""

    body: bytes
    is_csv: bool
    total: int
    """Number of rows, without blank ones."""

    def rows(self) -> Iterator[ImportRow]:
        """Every row, without blank ones."""
        return _rows(self.body, is_csv=self.is_csv)


def read_file(content_type: str, body: bytes) -> ImportFile:
    """Check the whole file. CPU-bound, up to a second: run it in a thread.

    Raises UnsupportedMediaType; ValidationFailed for a file without rows, with more than 100,000, or that is not
    readable.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in CSV_TYPES | JSON_LINES_TYPES:
        message = "An import is text/csv or application/x-ndjson"
        raise UnsupportedMediaType(message)
    is_csv = kind in CSV_TYPES
    if max(body.count(b"\n"), body.count(b"\r")) > MOST_LINES:
        raise ValidationFailed.of("body", f"has more than {MOST_LINES} lines")
    try:
        total = sum(1 for _ in islice(_rows(body, is_csv=is_csv), MOST_ROWS + 1))
    except UnicodeDecodeError:
        raise ValidationFailed.of("body", "must be UTF-8") from None
    if total > MOST_ROWS:
        raise ValidationFailed.of("body", f"has more than {MOST_ROWS} rows")
    if not total:
        raise ValidationFailed.of("body", "has no rows")
    return ImportFile(body, is_csv, total)


def _rows(body: bytes, *, is_csv: bool) -> Iterator[ImportRow]:
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline="" if is_csv else "\n")
    return _csv(text) if is_csv else _json_lines(text)


def _json_lines(text: Iterable[str]) -> Iterator[ImportRow]:
    for line, content in enumerate(text, 1):
        if not content.strip():
            continue
        try:
            fields = msgspec.json.decode(content)
        except (ValueError, RecursionError):
            yield ImportRow(line, {}, Detail("body", "must be valid JSON"))
            continue
        problem = None if isinstance(fields, dict) else Detail("body", "must be an object")
        yield ImportRow(line, fields if problem is None else {}, problem)


def _csv(text: Iterable[str]) -> Iterator[ImportRow]:
    records = read_records(text)
    names = _names(next(records, None))
    for record in records:
        if record.problem is not None:
            yield ImportRow(record.line, {}, Detail("body", record.problem))
        elif any(record.cells):
            yield _csv_row(record.line, names, record.cells)


def _names(first: CsvRecord | None) -> list[str]:
    """The column names of the first record. Raises ValidationFailed."""
    if first is not None and first.problem is not None:
        raise ValidationFailed.of("body", f"line {first.line}: {first.problem}")
    names = [name.strip() for name in first.cells] if first is not None else []
    _check_names(names)
    return names


def _check_names(names: list[str]) -> None:
    details = [Detail(name or "body", "unknown column") for name in names if name not in COLUMNS]
    details += [Detail(name, "column stands twice") for name in sorted({n for n in names if names.count(n) > 1})]
    if not names:
        details = [Detail("body", "must begin with a line of column names")]
    if details:
        raise ValidationFailed(details=details)


def _csv_row(line: int, names: list[str], cells: list[str]) -> ImportRow:
    if len(cells) > len(names):
        return ImportRow(line, {}, Detail("body", f"has {len(cells)} cells for {len(names)} columns"))
    fields: dict[str, Any] = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
    if "metadata" in fields:
        try:
            fields["metadata"] = msgspec.json.decode(fields["metadata"])
        except (ValueError, RecursionError):
            return ImportRow(line, fields, Detail("metadata", "must be a JSON object"))
    return ImportRow(line, fields)


def _validated(body: type[BodyT], fields: object) -> BodyT:
    try:
        return body.model_validate(fields)
    except ValidationError as error:
        raise ValidationFailed(details=details_of(error.errors())) from None
