"""Queries of compiled versions."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.errors import TemplateNotFound
from angarium.contracts.templates import CompiledTemplate
from angarium.platform.database.engine import reading
from angarium.services.templates.compiled.older import read_older
from angarium.services.templates.compiled.views import compiled_template
from angarium.services.templates.drafting.model import Source, Sources
from angarium.services.templates.library.rows import find_template, version_row


class CompiledStore:
    """Compiled versions in `templates_db`. Raises DatabaseUnavailable when the database cannot serve."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, tenant: str, code: str, version: int) -> CompiledTemplate:
        """A version ready to render, whether archived or not. Raises TemplateNotFound."""
        async with reading(self._engine) as connection:
            template = await find_template(connection, tenant, code)
            if template is None:
                raise TemplateNotFound
            row = await version_row(connection, template, version)
        source, sources = Source.model_validate_json(row["source"]), Sources.model_validate_json(row["compiled"])
        if sources.required is None:
            sources = await asyncio.to_thread(read_older, source, sources)
        return compiled_template(template, version, source, sources)
