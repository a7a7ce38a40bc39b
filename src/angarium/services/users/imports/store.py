"""Where each import stands, kept in `users_db`."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.errors import Detail, NotFound, Rejected
from angarium.contracts.users import ImportFault, ImportView
from angarium.platform.database.engine import querying, writing
from angarium.services.users.people.schema import imports

ERRORS_KEPT = 1000
"""Of each import; what is beyond is counted."""
SILENCE = timedelta(minutes=2)
"""A running import that has not written for so long has lost its process."""

Status = Literal["running", "finished", "interrupted"]


class ImportNotFound(NotFound):
    """Import not found"""


@dataclass
class ImportJob:
    """An import while it runs; its process alone changes it."""

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
        """Note that the row on `line` is not taken, and why."""
        self.failed += 1
        for detail in error.details or (Detail("body", error.message),):
            if len(self.errors) < ERRORS_KEPT:
                self.errors.append({"line": line, "field": detail.field, "message": detail.message})

    def view(self, now: datetime) -> ImportView:
        """As the API shows it."""
        lost = self.status == "running" and now - self.updated_at > SILENCE
        return ImportView(
            import_id=self.import_id,
            status="interrupted" if lost else self.status,
            total=self.total,
            processed=self.processed,
            created=self.created,
            updated=self.updated,
            failed=self.failed,
            errors=[ImportFault.model_validate(error) for error in self.errors],
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


class ImportJobs:
    """Every method raises DatabaseUnavailable when the database cannot serve."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, job: ImportJob) -> None:
        """Keep a new one."""
        async with writing(self._engine) as connection:
            await connection.execute(insert(imports).values(vars(job)))

    async def save(self, job: ImportJob) -> None:
        """Keep how far it is."""
        async with writing(self._engine) as connection:
            await connection.execute(update(imports).where(imports.c.import_id == job.import_id).values(vars(job)))

    async def get(self, tenant: str, import_id: UUID) -> ImportJob:
        """The import. Raises ImportNotFound, for another tenant's too."""
        query = select(imports).where(imports.c.import_id == import_id, imports.c.tenant == tenant)
        async with querying(self._engine) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise ImportNotFound
        return ImportJob(**row)
