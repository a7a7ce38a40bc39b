"""Reads the rows of an import, CSV (RFC 4180) or JSON lines, one by one with their lines."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from pydantic import ValidationError

from angarium.contracts.errors import Detail, UnsupportedMediaType, ValidationFailed
from angarium.contracts.preferences import given_user_fields
from angarium.contracts.users import UserCreate, UserPatch
from angarium.platform.http.validation import details_of

CSV_TYPES = frozenset({"text/csv"})
JSON_LINES_TYPES = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonlines"})
BodyT = TypeVar("BodyT", UserCreate, UserPatch)
COLUMNS = ("name", "email", "phone", "push_token", "locale", "timezone", "metadata")
"""What a CSV file may have; `metadata` holds a JSON object. An empty cell is one that is not given."""


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One user as the file says it: the line on which it begins, and its fields or what is wrong with it."""

    line: int
    fields: Mapping[str, Any]
    problem: Detail | None = None

    @property
    def email(self) -> str | None:
        """The address, where there is a readable one."""
        email = self.fields.get("email")
        return email if isinstance(email, str) else None

    def to_create(self) -> UserCreate:
        """A whole user. Raises ValidationFailed."""
        self._check()
        return _validated(UserCreate, self.fields)

    def to_patch(self) -> UserPatch:
        """What changes in an existing user; null is the same as not given. Raises ValidationFailed."""
        self._check()
        return _validated(UserPatch, given_user_fields(self.fields))

    def _check(self) -> None:
        if self.problem is not None:
            raise ValidationFailed(details=[self.problem])
        if "password" in self.fields:
            raise ValidationFailed.of("password", "is not taken in an import")


def read_rows(content_type: str, body: bytes) -> list[ImportRow]:
    """Every row that is not blank. Raises UnsupportedMediaType; ValidationFailed for a file that has no such rows."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in CSV_TYPES | JSON_LINES_TYPES:
        message = "An import is text/csv or application/x-ndjson"
        raise UnsupportedMediaType(message)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationFailed.of("body", "must be UTF-8") from None
    return list(_csv(text) if kind in CSV_TYPES else _json_lines(text))


def _json_lines(text: str) -> Iterator[ImportRow]:
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            fields = msgspec.json.decode(content)
        except (ValueError, RecursionError):
            yield ImportRow(line, {}, Detail("body", "must be valid JSON"))
            continue
        problem = None if isinstance(fields, dict) else Detail("body", "must be an object")
        yield ImportRow(line, fields if problem is None else {}, problem)


def _csv(text: str) -> Iterator[ImportRow]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        _check_names(names)
        line = reader.line_num + 1
        for cells in reader:
            if any(cells):
                yield _csv_row(line, names, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValidationFailed.of("body", f"line {reader.line_num}: {error}") from None


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
