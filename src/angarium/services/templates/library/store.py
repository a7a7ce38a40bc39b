"""The queries of `templates_db`, the same on every database.

Every method raises DatabaseUnavailable when the database cannot serve.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.errors import Conflict, Detail, TemplateNotFound
from angarium.contracts.statuses import Channel
from angarium.contracts.templates import CompiledTemplate
from angarium.platform.database.counting import count_up_to
from angarium.platform.database.engine import reading, writing
from angarium.platform.database.json_text import json_text
from angarium.rendering.fragments import Fragments
from angarium.services.templates.compiled.older import read_older
from angarium.services.templates.library.model import (
    Draft,
    Source,
    Sources,
    Template,
    Version,
    compiled_template,
    fragment_of,
)
from angarium.services.templates.library.schema import templates, versions

Check = Callable[[Template], object]
"""Raises to refuse a change."""
_WILD = re.compile(r"[%_/]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which templates are meant; `search` is a part of the code, name or description, whatever its case."""

    channel: Channel | None = None
    category: str | None = None
    search: str | None = None


class CodeTaken(Conflict):
    """A template with this code exists"""

    def __init__(self) -> None:
        super().__init__(details=(Detail("code", "belongs to another template"),))


class TemplateStore:
    """Templates and versions in `templates_db`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self, template: Template, draft: Draft, created_by: str) -> tuple[Template, Version]:
        """Keep a new template and publish its draft. Raises CodeTaken.

        The code of an archived template may be taken again; its versions count on, since a version never changes.
        """
        try:
            async with writing(self._engine) as connection:
                archived = await _find(connection, template.tenant, template.code, lock=True)
                if archived is not None:
                    return await _revive(connection, archived, draft, created_by, template.created_at)
                await connection.execute(insert(templates).values(_template_row(template)))
                added = await _add(connection, template, 1, "published", draft, created_by, template.created_at)
                return template, added
        except IntegrityError as error:
            raise CodeTaken from error

    async def get(self, tenant: str, code: str) -> Template:
        """The template. Raises TemplateNotFound, also when it is archived."""
        async with reading(self._engine) as connection:
            return await _living(connection, tenant, code)

    async def version(self, tenant: str, code: str, version: int | None) -> tuple[Template, Version]:
        """A version of a living template; None: the published one. Raises TemplateNotFound."""
        async with reading(self._engine) as connection:
            template = await _living(connection, tenant, code)
            return template, await _version(connection, template, version or template.published_version)

    async def compiled(self, tenant: str, code: str, version: int) -> CompiledTemplate:
        """A version ready to render, whether archived or not. Raises TemplateNotFound."""
        async with reading(self._engine) as connection:
            template = await _find(connection, tenant, code)
            if template is None:
                raise TemplateNotFound
            row = await _version_row(connection, template, version)
        source, sources = Source.model_validate_json(row["source"]), Sources.model_validate_json(row["compiled"])
        if sources.required is None:
            sources = await asyncio.to_thread(read_older, source, sources)
        return compiled_template(template, version, source, sources)

    async def versions(self, tenant: str, code: str, *, limit: int, offset: int) -> tuple[Sequence[Version], int]:
        """A page of a template's versions, newest first, and how many there are (as `count_up_to` says).

        Raises TemplateNotFound.
        """
        async with reading(self._engine) as connection:
            template = await _living(connection, tenant, code)
            mine = versions.c.template_id == template.template_id
            query = select(versions).where(mine).order_by(versions.c.version.desc()).limit(limit).offset(offset)
            rows = (await connection.execute(query)).mappings().all()
            return [_to_version(row) for row in rows], await count_up_to(connection, query)

    async def find(
        self, tenant: str, wanted: Filter, *, limit: int, offset: int = 0, after: str | None = None
    ) -> tuple[Sequence[tuple[Template, Version]], int | None]:
        """A page of living templates by their codes, each with its published version, and how many match.

        Begins after `offset` templates, or behind the code `after`: then nothing is counted. The count is as
        `count_up_to` says.
        """
        living = (templates.c.tenant == tenant, templates.c.archived_at.is_(None))
        query = select(*_prefixed()).join_from(templates, versions, _is_published()).where(*living, *_matching(wanted))
        page = query.order_by(templates.c.code).limit(limit)
        page = page.offset(offset) if after is None else page.where(templates.c.code > after)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(page)).mappings().all()
            found = [(_to_template(row), _to_version(row, "version_")) for row in rows]
            return found, await count_up_to(connection, query) if after is None else None

    async def fragments(self, tenant: str, codes: Collection[str]) -> Fragments:
        """The published versions of those of `codes` that are there, for others to take pieces of."""
        query = select(templates.c.code, versions.c.version, versions.c.source).join_from(
            templates, versions, _is_published()
        )
        living = (templates.c.tenant == tenant, templates.c.archived_at.is_(None))
        query = query.where(*living, templates.c.code.in_(codes))
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).all()
            return {code: fragment_of(number, Source.model_validate_json(source)) for code, number, source in rows}

    async def add_draft(
        self, tenant: str, code: str, draft: Draft, created_by: str, now: datetime, check: Check
    ) -> tuple[Template, Version]:
        """Keep the next version, as a draft. Raises TemplateNotFound and what `check` raises."""
        async with writing(self._engine) as connection:
            before = await _living(connection, tenant, code, lock=True)
            check(before)
            number = before.latest_version + 1
            after = await _write(connection, before, now, latest_version=number)
            return after, await _add(connection, after, number, "draft", draft, created_by, now)

    async def publish(
        self, tenant: str, code: str, version: int, now: datetime, check: Check
    ) -> tuple[Template, Version]:
        """Make `version` the published one; the one before is superseded.

        Raises TemplateNotFound and what `check` raises.
        """
        async with writing(self._engine) as connection:
            before = await _living(connection, tenant, code, lock=True)
            check(before)
            found = await _version(connection, before, version)
            if before.published_version == version:
                return before, found
            await _set_status(connection, before, before.published_version, "superseded")
            await _set_status(connection, before, version, "published")
            after = await _write(connection, before, now, published_version=version)
            return after, replace(found, status="published")

    async def archive(self, tenant: str, code: str, now: datetime, check: Check) -> Template:
        """Take the template out of use; its versions stay. Raises TemplateNotFound and what `check` raises."""
        async with writing(self._engine) as connection:
            before = await _living(connection, tenant, code, lock=True)
            check(before)
            return await _write(connection, before, now, archived_at=now)


async def _revive(
    connection: AsyncConnection, archived: Template, draft: Draft, created_by: str, now: datetime
) -> tuple[Template, Version]:
    if archived.archived_at is None:
        raise CodeTaken
    number = archived.latest_version + 1
    await _set_status(connection, archived, archived.published_version, "superseded")
    after = await _write(connection, archived, now, latest_version=number, published_version=number, archived_at=None)
    return after, await _add(connection, after, number, "published", draft, created_by, now)


async def _find(connection: AsyncConnection, tenant: str, code: str, *, lock: bool = False) -> Template | None:
    query = select(templates).where(templates.c.tenant == tenant, templates.c.code == code)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else _to_template(row)


async def _living(connection: AsyncConnection, tenant: str, code: str, *, lock: bool = False) -> Template:
    template = await _find(connection, tenant, code, lock=lock)
    if template is None or template.archived_at is not None:
        raise TemplateNotFound
    return template


async def _version_row(connection: AsyncConnection, template: Template, version: int) -> RowMapping:
    query = select(versions).where(*_one(template, version))
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise TemplateNotFound(f"Template {template.code} has no version {version}")
    return row


async def _version(connection: AsyncConnection, template: Template, version: int) -> Version:
    return _to_version(await _version_row(connection, template, version))


async def _add(
    connection: AsyncConnection,
    template: Template,
    number: int,
    status: str,
    draft: Draft,
    created_by: str,
    now: datetime,
) -> Version:
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
    return await _version(connection, template, number)


async def _set_status(connection: AsyncConnection, template: Template, version: int, status: str) -> None:
    await connection.execute(update(versions).where(*_one(template, version)).values(status=status))


async def _write(connection: AsyncConnection, before: Template, now: datetime, **changes: Any) -> Template:
    after = replace(before, revision=before.revision + 1, updated_at=now, **changes)
    mine = templates.c.template_id == before.template_id
    await connection.execute(update(templates).where(mine).values(_template_row(after)))
    return after


def _matching(wanted: Filter) -> list[ColumnElement[bool]]:
    """What the published version must be; what is None does not matter."""
    exact = (("channel", wanted.channel), ("category", wanted.category))
    conditions = [json_text(versions.c.source, name) == value for name, value in exact if value is not None]
    if wanted.search is not None:
        pattern = "%" + _WILD.sub(r"/\g<0>", wanted.search) + "%"
        texts = (templates.c.code, *(json_text(versions.c.source, name) for name in ("name", "description")))
        conditions.append(or_(*(text.ilike(pattern, escape="/") for text in texts)))
    return conditions


def _is_published() -> ColumnElement[bool]:
    return (versions.c.template_id == templates.c.template_id) & (versions.c.version == templates.c.published_version)


def _one(template: Template, version: int) -> tuple[ColumnElement[bool], ...]:
    return versions.c.template_id == template.template_id, versions.c.version == version


def _prefixed() -> list[ColumnElement[Any]]:
    wanted = ("version", "status", "source", "created_at", "created_by")
    return [*templates.c, *(versions.c[name].label(f"version_{name}") for name in wanted)]


def _template_row(template: Template) -> dict[str, Any]:
    return {column.name: getattr(template, column.name) for column in templates.c}


def _to_template(row: RowMapping) -> Template:
    return Template(**{column.name: row[column.name] for column in templates.c})


def _to_version(row: RowMapping, prefix: str = "") -> Version:
    return Version(
        version=row[f"{prefix}version"],
        status=row[f"{prefix}status"],
        source=Source.model_validate_json(row[f"{prefix}source"]),
        created_at=row[f"{prefix}created_at"],
        created_by=row[f"{prefix}created_by"],
    )


def new_template(template_id: UUID, tenant: str, code: str, now: datetime) -> Template:
    """A template whose first version is about to be published."""
    return Template(
        template_id=template_id,
        tenant=tenant,
        code=code,
        published_version=1,
        latest_version=1,
        revision=1,
        created_at=now,
        updated_at=now,
        archived_at=None,
    )
