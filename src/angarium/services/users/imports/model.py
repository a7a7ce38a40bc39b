"""A running import."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from angarium.contracts.errors import Detail, Rejected

ERRORS_KEPT = 1000
"""Errors stored per import; further ones are only counted."""

Status = Literal["running", "finished", "interrupted"]


@dataclass
class ImportJob:
    """A running import, changed only by its process."""

    import_id: UUID
    tenant: str
    total: int
    created_at: datetime
    updated_at: datetime
    status: Status = "running"
    processed: int = 0
    created: int = 0
    updated: int = 0
    failed: int = 0
    errors: list[dict[str, str | int]] = field(default_factory=list)

    def refuse(self, line: int, error: Rejected) -> None:
        """Record why the row on `line` is refused."""
        self.failed += 1
        for detail in error.details or (Detail("body", error.message),):
            if len(self.errors) < ERRORS_KEPT:
                self.errors.append({"line": line, "field": detail.field, "message": detail.message})
