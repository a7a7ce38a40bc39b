"""Reads published and compiled versions for other services."""

from angarium.contracts.errors import TemplateNotFound
from angarium.contracts.templates import CompiledTemplate
from angarium.platform.telemetry.logging import Logger
from angarium.rendering.fragments import is_fragment
from angarium.services.templates.compiled.store import CompiledStore
from angarium.services.templates.library.model import Template
from angarium.services.templates.library.store import TemplateStore


class CompiledTemplates:
    """Methods raise TemplateNotFound and DatabaseUnavailable."""

    def __init__(self, *, templates: TemplateStore, compiled: CompiledStore, logger: Logger) -> None:
        self._templates = templates
        self._compiled = compiled
        self._logger = logger

    async def published(self, tenant: str, code: str) -> Template:
        """The template with the number of its published version.

        Layouts and partials count as not found, since they are not sent.
        """
        if is_fragment(code):
            raise TemplateNotFound
        return await self._templates.get(tenant, code)

    async def compiled(self, tenant: str, code: str, version: int) -> CompiledTemplate:
        """A version ready to render, archived or not."""
        compiled = await self._compiled.get(tenant, code, version)
        self._logger.info("template.read", template_code=code, template_version=version)
        return compiled
