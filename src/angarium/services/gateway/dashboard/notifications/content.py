"""Renders the content of a notification again from its record. Links that are created at the send are missing."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from angarium.contracts.errors import NotFound
from angarium.contracts.notifications import NotificationView
from angarium.directory.port import Templates
from angarium.rendering.content import Content
from angarium.rendering.problems import RenderFailed
from angarium.rendering.renderer import Renderer


class Contents:
    """Renders content. Raises NotFound if the template version no longer exists, Transient."""

    def __init__(self, templates: Templates, renderer: Renderer) -> None:
        self._templates = templates
        self._renderer = renderer

    async def parts(self, tenant: str, view: NotificationView) -> Mapping[str, Any]:
        """The rendered parts by name, or only `fault` with the error if they cannot be rendered."""
        code, version = view.template_code, view.template_version
        template = await self._templates.version(tenant, code, version)
        if template is None:
            raise NotFound(f"Version {version} of the template {code} no longer exists")
        channel, locale, variables = view.notification_type, view.locale, view.variables
        try:
            content: Content | None = self._renderer.quick(template, channel, locale, variables)
            if content is None:
                content = await self._renderer.patient(template, channel, locale, variables)
        except RenderFailed as error:
            return {"fault": str(error)}
        return {name: value for name, value in asdict(content).items() if value is not None}
