"""Use cases of a template's versions."""

from collections.abc import Sequence

from angarium.contracts.templates import TemplateVersionCreate
from angarium.platform.auth.caller import Caller
from angarium.platform.clock import Clock
from angarium.platform.http.frame.conditional import check_unchanged
from angarium.platform.http.frame.dependencies import PageQuery
from angarium.services.templates.drafting.use_cases import Drafting
from angarium.services.templates.library.announcements import Announcements
from angarium.services.templates.library.model import Template, Version
from angarium.services.templates.library.store import TemplateStore
from angarium.services.templates.versions.diff import Changes, diff_versions
from angarium.services.templates.versions.store import VersionStore

Entry = tuple[Template, Version]


class Versions:
    """Drafts, lists, publishes and compares versions; raises as `Library` does."""

    def __init__(
        self,
        *,
        templates: TemplateStore,
        versions: VersionStore,
        drafting: Drafting,
        announcements: Announcements,
        clock: Clock,
    ) -> None:
        self._templates = templates
        self._versions = versions
        self._drafting = drafting
        self._announcements = announcements
        self._clock = clock

    async def add(self, caller: Caller, code: str, body: TemplateVersionCreate, if_match: str | None) -> Entry:
        """Add the next version as a draft."""
        template = await self._templates.get(caller.tenant, code)
        _, latest = await self._templates.version(caller.tenant, code, template.latest_version)
        draft = await self._drafting.draft(caller.tenant, code, body, latest.source)
        now = self._clock.now()
        return await self._versions.add_draft(
            caller.tenant, code, draft, caller.identity, now, lambda before: check_unchanged(before.revision, if_match)
        )

    async def page(self, tenant: str, code: str, page: PageQuery) -> tuple[Sequence[Version], int]:
        """A page of versions, newest first, and their number."""
        return await self._versions.page(tenant, code, limit=page.limit, offset=page.offset)

    async def publish(self, tenant: str, code: str, version: int, if_match: str | None) -> Entry:
        """Publish a version. Publishing an older one is a rollback."""
        entry = await self._versions.publish(
            tenant, code, version, self._clock.now(), lambda before: check_unchanged(before.revision, if_match)
        )
        await self._announcements.published(entry[0], version)
        return entry

    async def diff(self, tenant: str, code: str, old: int, new: int) -> Changes:
        """The changes from version `old` to version `new`."""
        _, before = await self._templates.version(tenant, code, old)
        _, after = await self._templates.version(tenant, code, new)
        return await diff_versions(before, after)
