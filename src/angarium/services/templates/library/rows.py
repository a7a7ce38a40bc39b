"""Queries of `templates` and `versions` within the caller's transaction.

Every function raises DatabaseUnavailable when the database cannot serve.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from angarium.contracts.errors import TemplateNotFound
from angarium.services.templates.drafting.model import Draft, Source
from angarium.services.templates.library.model import Template, Version
from angarium.services.templates.library.schema import templates, versions


async def find_template(connection: AsyncConnection, tenant: str, code: str, *, lock: bool = False) -> Template | None:
    """The template, archived or not; `lock` locks its row."""
    query = select(templates).where(templates.c.tenant == tenant, templates.c.code == code)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else to_template(row)


async def living(connection: AsyncConnection, tenant: str, code: str, *, lock: bool = False) -> Template:
    """The template. Raises TemplateNotFound, also if it is archived."""
    template = await find_template(connection, tenant, code, lock=lock)
    if template is None or template.archived_at is not None:
        raise TemplateNotFound
    return template


async def version_row(connection: AsyncConnection, template: Template, version: int) -> RowMapping:
    """The row of a version. Raises TemplateNotFound."""
    query = select(versions).where(*_one(template, version))
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise TemplateNotFound(f"Template {template.code} has no version {version}")
    return row


async def version_of(connection: AsyncConnection, template: Template, version: int) -> Version:
    """A version of `template`. Raises TemplateNotFound."""
    return to_version(await version_row(connection, template, version))


async def add_version(
    connection: AsyncConnection,
    template: Template,
    number: int,
    status: str,
    draft: Draft,
    created_by: str,
    now: datetime,
) -> Version:
    """Insert a version."""
    row: dict[str, Any] = {
        "template_id": template.template_id,
        "version": number,
        "status": status,
        "source": draft.source.model_dump_json(),
        "compiled": draft.compiled.model_dump_json(exclude_none=True),
        "created_at": now,
        "created_by": created_by[:255],
    }
    await connection.execute(insert(versions).values(row))
    return await version_of(connection, template, number)


async def set_status(connection: AsyncConnection, template: Template, version: int, status: str) -> None:
    """Change the status of a version."""
    await connection.execute(update(versions).where(*_one(template, version)).values(status=status))


async def write_template(connection: AsyncConnection, before: Template, now: datetime, **changes: Any) -> Template:
    """Store `before` with `changes` and the next revision."""
    after = replace(before, revision=before.revision + 1, updated_at=now, **changes)
    mine = templates.c.template_id == before.template_id
    await connection.execute(update(templates).where(mine).values(template_row(after)))
    return after


def _one(template: Template, version: int) -> tuple[ColumnElement[bool], ...]:
    return versions.c.template_id == template.template_id, versions.c.version == version


def template_row(template: Template) -> dict[str, Any]:
    """The row of a template."""
    return {column.name: getattr(template, column.name) for column in templates.c}


def to_template(row: RowMapping) -> Template:
    """The template of a row."""
    return Template(**{column.name: row[column.name] for column in templates.c})


def to_version(row: RowMapping, prefix: str = "") -> Version:
    """The version of a row whose columns begin with `prefix`."""
    return Version(
        version=row[f"{prefix}version"],
        status=row[f"{prefix}status"],
        source=Source.model_validate_json(row[f"{prefix}source"]),
        created_at=row[f"{prefix}created_at"],
        created_by=row[f"{prefix}created_by"],
    )
