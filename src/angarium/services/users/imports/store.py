"""Queries of imports: their progress and reports."""

from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.errors import NotFound
from angarium.platform.database.engine import querying, writing
from angarium.services.users.imports.model import ImportJob
from angarium.services.users.imports.schema import imports


class ImportNotFound(NotFound):
    """Import not found"""


class ImportJobs:
    """Stores imports. Every method raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, job: ImportJob) -> None:
        """Insert a new import."""
        async with writing(self._engine) as connection:
            await connection.execute(insert(imports).values(vars(job)))

    async def save(self, job: ImportJob) -> None:
        """Update its progress."""
        async with writing(self._engine) as connection:
            await connection.execute(update(imports).where(imports.c.import_id == job.import_id).values(vars(job)))

    async def get(self, tenant: str, import_id: UUID) -> ImportJob:
        """Return the import. Raises ImportNotFound, also for another tenant's."""
        query = select(imports).where(imports.c.import_id == import_id, imports.c.tenant == tenant)
        async with querying(self._engine) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise ImportNotFound
        return ImportJob(**row)
