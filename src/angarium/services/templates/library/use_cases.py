"""Use cases of templates."""

from collections.abc import Sequence
from dataclasses import dataclass

from angarium.contracts.templates import TemplateCreate
from angarium.platform.auth.caller import Caller
from angarium.platform.cursor import decode_cursor, encode_cursor
from angarium.platform.http.frame.conditional import check_unchanged
from angarium.platform.http.frame.dependencies import PageQuery
from angarium.platform.runtime import Runtime
from angarium.services.templates.drafting.use_cases import Drafting
from angarium.services.templates.library.announcements import Announcements
from angarium.services.templates.library.model import Template, Version
from angarium.services.templates.library.store import Filter, TemplateStore, new_template

Entry = tuple[Template, Version]


@dataclass(frozen=True, slots=True)
class TemplatePage:
    """One page of templates, their total number (None after a cursor), and the next cursor."""

    entries: Sequence[Entry]
    total: int | None
    next_cursor: str | None


class Library:
    """Creates, reads and archives templates. Changes are announced before they return.

    Methods raise TemplateNotFound, PreconditionFailed (`if_match` names another revision), ValidationFailed, Conflict
    and DatabaseUnavailable.
    """

    def __init__(
        self,
        *,
        store: TemplateStore,
        drafting: Drafting,
        announcements: Announcements,
        runtime: Runtime,
    ) -> None:
        self._store = store
        self._drafting = drafting
        self._announcements = announcements
        self._clock = runtime.clock
        self._identifiers = runtime.identifiers
        self._logger = runtime.logger

    async def create(self, caller: Caller, body: TemplateCreate) -> Entry:
        """Create a template and publish its first version."""
        draft = await self._drafting.draft(caller.tenant, body.code, body, None)
        template = new_template(self._identifiers.new(), caller.tenant, body.code, self._clock.now())
        entry = await self._store.create(template, draft, caller.identity)
        await self._announcements.published(entry[0], entry[1].version)
        return entry

    async def find(self, tenant: str, wanted: Filter, page: PageQuery) -> TemplatePage:
        """A page of matching templates, ordered by code."""
        after = decode_cursor(page.cursor, _code) if page.cursor is not None else None
        found, total = await self._store.find(tenant, wanted, limit=page.limit + 1, offset=page.offset, after=after)
        entries = found[: page.limit]
        more = len(found) > page.limit
        return TemplatePage(entries, total, encode_cursor(entries[-1][0].code.encode()) if more else None)

    async def get(self, tenant: str, code: str, version: int | None) -> Entry:
        """The published version, or the given one."""
        entry = await self._store.version(tenant, code, version)
        self._logger.info("template.read", template_code=code, template_version=entry[1].version)
        return entry

    async def archive(self, tenant: str, code: str, if_match: str | None) -> None:
        """Archive the template. Accepted notifications are still sent."""
        template = await self._store.archive(
            tenant, code, self._clock.now(), lambda before: check_unchanged(before.revision, if_match)
        )
        await self._announcements.archived(template)


def _code(place: bytes) -> str:
    code = place.decode("ascii")
    if not code or not code.isprintable():
        message = "not a code"
        raise ValueError(message)
    return code
