"""Queries of a template's versions, the same on every database.

Every method raises DatabaseUnavailable when the database cannot serve.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.counting import count_up_to
from angarium.platform.database.engine import reading, writing
from angarium.services.templates.drafting.model import Draft
from angarium.services.templates.library.model import Template, Version
from angarium.services.templates.library.rows import (
    add_version,
    living,
    set_status,
    to_version,
    version_of,
    write_template,
)
from angarium.services.templates.library.schema import versions
from angarium.services.templates.library.store import Check


class VersionStore:
    """Versions in `templates_db`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(self, tenant: str, code: str, *, limit: int, offset: int) -> tuple[Sequence[Version], int]:
        """A page of a template's versions, newest first, and their number (see `count_up_to`).

        Raises TemplateNotFound.
        """
        async with reading(self._engine) as connection:
            template = await living(connection, tenant, code)
            mine = versions.c.template_id == template.template_id
            query = select(versions).where(mine).order_by(versions.c.version.desc()).limit(limit).offset(offset)
            rows = (await connection.execute(query)).mappings().all()
            return [to_version(row) for row in rows], await count_up_to(connection, query)

    async def add_draft(
        self, tenant: str, code: str, draft: Draft, created_by: str, now: datetime, check: Check
    ) -> tuple[Template, Version]:
        """Insert the next version as a draft. Raises TemplateNotFound and the errors of `check`."""
        async with writing(self._engine) as connection:
            before = await living(connection, tenant, code, lock=True)
            check(before)
            number = before.latest_version + 1
            after = await write_template(connection, before, now, latest_version=number)
            return after, await add_version(connection, after, number, "draft", draft, created_by, now)

    async def publish(
        self, tenant: str, code: str, version: int, now: datetime, check: Check
    ) -> tuple[Template, Version]:
        """Publish `version`; the previous one becomes superseded.

        Raises TemplateNotFound and the errors of `check`.
        """
        async with writing(self._engine) as connection:
            before = await living(connection, tenant, code, lock=True)
            check(before)
            found = await version_of(connection, before, version)
            if before.published_version == version:
                return before, found
            await set_status(connection, before, before.published_version, "superseded")
            await set_status(connection, before, version, "published")
            after = await write_template(connection, before, now, published_version=version)
            return after, replace(found, status="published")
