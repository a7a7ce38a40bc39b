"""Announces changes of templates, so that other services invalidate their caches."""

from angarium.platform.cache.port import Cache
from angarium.platform.telemetry.logging import Logger
from angarium.services.templates.library.model import Template

TOPIC = "templates"
"""Announced with `tenant:code` when the published version of a code changes."""


class Announcements:
    """Announces and logs changes. Call it after the commit."""

    def __init__(self, cache: Cache, logger: Logger) -> None:
        self._cache = cache
        self._logger = logger

    async def published(self, template: Template, version: int) -> None:
        """Announce a published version."""
        await self._announce(template, "template.published", version)

    async def archived(self, template: Template) -> None:
        """Announce an archived template."""
        await self._announce(template, "template.archived", template.published_version)

    async def _announce(self, template: Template, event: str, version: int) -> None:
        await self._cache.announce(TOPIC, f"{template.tenant}:{template.code}")
        self._logger.info(event, template_code=template.code, template_version=version)
