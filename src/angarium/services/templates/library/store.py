"""Queries of templates, the same on every database.

Every method raises DatabaseUnavailable when the database cannot serve.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.errors import Conflict, Detail
from angarium.contracts.statuses import Channel
from angarium.platform.database.counting import count_up_to
from angarium.platform.database.engine import reading, writing
from angarium.platform.database.json_text import json_text
from angarium.platform.database.replica import Replica
from angarium.rendering.fragments import Fragments
from angarium.services.templates.drafting.model import Draft, Source, fragment_of
from angarium.services.templates.library.model import Template, Version
from angarium.services.templates.library.rows import (
    add_version,
    find_template,
    living,
    set_status,
    template_row,
    to_template,
    to_version,
    version_of,
    write_template,
)
from angarium.services.templates.library.schema import templates, versions

Check = Callable[[Template], object]
"""Raises to refuse a change."""
_WILD = re.compile(r"[%_/]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter of templates; `search` is a case-insensitive part of the code, name or description."""

    channel: Channel | None = None
    category: str | None = None
    search: str | None = None


class CodeTaken(Conflict):
    """A template with this code exists"""

    def __init__(self) -> None:
        super().__init__(details=(Detail("code", "belongs to another template"),))


class TemplateStore:
    """Templates in `templates_db`. Lists are read from `replica`, if there is one."""

    def __init__(self, engine: AsyncEngine, *, replica: Replica | None = None) -> None:
        self._engine = engine
        self._replica = replica or Replica(engine)

    async def create(self, template: Template, draft: Draft, created_by: str) -> tuple[Template, Version]:
        """Insert a template and publish its draft. Raises CodeTaken.

        The code of an archived template may be reused; its version numbers continue, since versions are immutable.
        """
        try:
            async with writing(self._engine) as connection:
                archived = await find_template(connection, template.tenant, template.code, lock=True)
                if archived is not None:
                    return await _revive(connection, archived, draft, created_by, template.created_at)
                await connection.execute(insert(templates).values(template_row(template)))
                added = await add_version(connection, template, 1, "published", draft, created_by, template.created_at)
                return template, added
        except IntegrityError as error:
            raise CodeTaken from error

    async def get(self, tenant: str, code: str) -> Template:
        """The template. Raises TemplateNotFound, also when it is archived."""
        async with reading(self._engine) as connection:
            return await living(connection, tenant, code)

    async def version(self, tenant: str, code: str, version: int | None) -> tuple[Template, Version]:
        """A version of a template that is not archived; None: the published one. Raises TemplateNotFound."""
        async with reading(self._engine) as connection:
            template = await living(connection, tenant, code)
            return template, await version_of(connection, template, version or template.published_version)

    async def find(
        self, tenant: str, wanted: Filter, *, limit: int, offset: int = 0, after: str | None = None
    ) -> tuple[Sequence[tuple[Template, Version]], int | None]:
        """A page of templates ordered by code, each with its published version, and the number of matches.

        Starts after `offset` templates, or after the code `after`, without a count. For the count see `count_up_to`.
        With a replica recent changes may be missing.
        """
        living = (templates.c.tenant == tenant, templates.c.archived_at.is_(None))
        query = select(*_prefixed()).join_from(templates, versions, _is_published()).where(*living, *_matching(wanted))
        page = query.order_by(templates.c.code).limit(limit)
        page = page.offset(offset) if after is None else page.where(templates.c.code > after)

        async def read(connection: AsyncConnection) -> tuple[Sequence[tuple[Template, Version]], int | None]:
            rows = (await connection.execute(page)).mappings().all()
            found = [(to_template(row), to_version(row, "version_")) for row in rows]
            return found, await count_up_to(connection, query) if after is None else None

        return await self._replica.read(read)

    async def fragments(self, tenant: str, codes: Collection[str]) -> Fragments:
        """The published versions of existing `codes`, for inclusion in other templates."""
        query = select(templates.c.code, versions.c.version, versions.c.source).join_from(
            templates, versions, _is_published()
        )
        living = (templates.c.tenant == tenant, templates.c.archived_at.is_(None))
        query = query.where(*living, templates.c.code.in_(codes))
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).all()
            return {code: fragment_of(number, Source.model_validate_json(source)) for code, number, source in rows}

    async def archive(self, tenant: str, code: str, now: datetime, check: Check) -> Template:
        """Archive the template, keeping its versions. Raises TemplateNotFound and the errors of `check`."""
        async with writing(self._engine) as connection:
            before = await living(connection, tenant, code, lock=True)
            check(before)
            return await write_template(connection, before, now, archived_at=now)


async def _revive(
    connection: AsyncConnection, archived: Template, draft: Draft, created_by: str, now: datetime
) -> tuple[Template, Version]:
    if archived.archived_at is None:
        raise CodeTaken
    number = archived.latest_version + 1
    await set_status(connection, archived, archived.published_version, "superseded")
    after = await write_template(
        connection, archived, now, latest_version=number, published_version=number, archived_at=None
    )
    return after, await add_version(connection, after, number, "published", draft, created_by, now)


def _matching(wanted: Filter) -> list[ColumnElement[bool]]:
    """Conditions on the published version; None values are ignored."""
    exact = (("channel", wanted.channel), ("category", wanted.category))
    conditions = [json_text(versions.c.source, name) == value for name, value in exact if value is not None]
    if wanted.search is not None:
        pattern = "%" + _WILD.sub(r"/\g<0>", wanted.search) + "%"
        texts = (templates.c.code, *(json_text(versions.c.source, name) for name in ("name", "description")))
        conditions.append(or_(*(text.ilike(pattern, escape="/") for text in texts)))
    return conditions


def _is_published() -> ColumnElement[bool]:
    return (versions.c.template_id == templates.c.template_id) & (versions.c.version == templates.c.published_version)


def _prefixed() -> list[ColumnElement[Any]]:
    wanted = ("version", "status", "source", "created_at", "created_by")
    return [*templates.c, *(versions.c[name].label(f"version_{name}") for name in wanted)]


def new_template(template_id: UUID, tenant: str, code: str, now: datetime) -> Template:
    """A new template, before its first version is published."""
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
