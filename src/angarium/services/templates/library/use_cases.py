"""The use cases of the templates service."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from angarium.contracts.errors import TemplateNotFound, ValidationFailed
from angarium.contracts.templates import CompiledTemplate, PreviewRequest, TemplateCreate, TemplateVersionCreate
from angarium.platform.auth.caller import Caller
from angarium.platform.cache.port import Cache
from angarium.platform.clock import Clock
from angarium.platform.http.frame.dependencies import PageQuery
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import Logger
from angarium.rendering.fragments import is_fragment
from angarium.rendering.renderer import Renderer
from angarium.services.templates.conditions import check_unchanged
from angarium.services.templates.cursor import decode_cursor, encode_cursor
from angarium.services.templates.drafting.use_cases import Drafting
from angarium.services.templates.library.model import Template, Version
from angarium.services.templates.library.store import Filter, TemplateStore, new_template
from angarium.services.templates.previews.rendering import Preview, render_preview
from angarium.services.templates.versions.diff import Changes, diff_versions

TOPIC = "templates"
"""Rung with `tenant:code` when what is published under a code changes."""

Entry = tuple[Template, Version]


@dataclass(frozen=True, slots=True)
class TemplatePage:
    """One page of templates, how many there are in all (None behind a cursor), and how to go on."""

    entries: Sequence[Entry]
    total: int | None
    next_cursor: str | None


class Library:
    """What can be done with templates. What is published is announced to everyone before a change returns.

    Methods raise TemplateNotFound, PreconditionFailed (`if_match` names another state), ValidationFailed, Conflict
    and DatabaseUnavailable.
    """

    def __init__(
        self,
        *,
        store: TemplateStore,
        drafting: Drafting,
        renderer: Renderer,
        cache: Cache,
        clock: Clock,
        identifiers: Identifiers,
        logger: Logger,
    ) -> None:
        self._store = store
        self._drafting = drafting
        self._renderer = renderer
        self._cache = cache
        self._clock = clock
        self._identifiers = identifiers
        self._logger = logger

    async def create(self, caller: Caller, body: TemplateCreate) -> Entry:
        """A new template, its first version published."""
        draft = await self._drafting.draft(caller.tenant, body.code, body, None)
        template = new_template(self._identifiers.new(), caller.tenant, body.code, self._clock.now())
        entry = await self._store.create(template, draft, caller.identity)
        await self._announce(entry[0], "template.published", entry[1].version)
        return entry

    async def find(self, tenant: str, wanted: Filter, page: PageQuery) -> TemplatePage:
        """The page of those that match, in the order of the codes."""
        after = decode_cursor(page.cursor) if page.cursor is not None else None
        found, total = await self._store.find(tenant, wanted, limit=page.limit + 1, offset=page.offset, after=after)
        entries = found[: page.limit]
        more = len(found) > page.limit
        return TemplatePage(entries, total, encode_cursor(entries[-1][0].code) if more else None)

    async def get(self, tenant: str, code: str, version: int | None) -> Entry:
        """The published version, or the one named."""
        entry = await self._store.version(tenant, code, version)
        self._logger.info("template.read", template_code=code, template_version=entry[1].version)
        return entry

    async def published(self, tenant: str, code: str) -> Template:
        """The template, for the number of its published version; a layout or partial is not to be sent."""
        if is_fragment(code):
            raise TemplateNotFound
        return await self._store.get(tenant, code)

    async def compiled(self, tenant: str, code: str, version: int) -> CompiledTemplate:
        """A version ready to render, archived or not."""
        compiled = await self._store.compiled(tenant, code, version)
        self._logger.info("template.read", template_code=code, template_version=version)
        return compiled

    async def add_version(self, caller: Caller, code: str, body: TemplateVersionCreate, if_match: str | None) -> Entry:
        """The next version, as a draft."""
        template = await self._store.get(caller.tenant, code)
        _, latest = await self._store.version(caller.tenant, code, template.latest_version)
        draft = await self._drafting.draft(caller.tenant, code, body, latest.source)
        check = partial(check_unchanged, if_match=if_match)
        return await self._store.add_draft(caller.tenant, code, draft, caller.identity, self._clock.now(), check)

    async def versions(self, tenant: str, code: str, page: PageQuery) -> tuple[Sequence[Version], int]:
        """The page of a template's versions, newest first, and how many there are."""
        return await self._store.versions(tenant, code, limit=page.limit, offset=page.offset)

    async def publish(self, tenant: str, code: str, version: int, if_match: str | None) -> Entry:
        """Make a version the published one: forwards, or back."""
        check = partial(check_unchanged, if_match=if_match)
        entry = await self._store.publish(tenant, code, version, self._clock.now(), check)
        await self._announce(entry[0], "template.published", version)
        return entry

    async def archive(self, tenant: str, code: str, if_match: str | None) -> None:
        """Take the template out of use; what was accepted is still sent."""
        check = partial(check_unchanged, if_match=if_match)
        template = await self._store.archive(tenant, code, self._clock.now(), check)
        await self._announce(template, "template.archived", template.published_version)

    async def diff(self, tenant: str, code: str, old: int, new: int) -> Changes:
        """What changed from version `old` to version `new`."""
        _, before = await self._store.version(tenant, code, old)
        _, after = await self._store.version(tenant, code, new)
        return await diff_versions(before, after)

    async def preview(self, tenant: str, code: str, body: PreviewRequest) -> Preview:
        """A version rendered: by default the published one, for its own channel."""
        _, version = await self._store.version(tenant, code, body.version)
        compiled = await self._store.compiled(tenant, code, version.version)
        channel = body.channel or version.source.channel
        if not compiled.serves(channel):
            raise ValidationFailed.of("channel", f"template {code} has no {channel} part")
        return await render_preview(self._renderer, compiled, channel, body.locale, body.variables)

    async def _announce(self, template: Template, event: str, version: int) -> None:
        await self._cache.announce(TOPIC, f"{template.tenant}:{template.code}")
        self._logger.info(event, template_code=template.code, template_version=version)
