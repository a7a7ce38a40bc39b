"""Turns a request into a version: fills in omitted fields and refuses invalid ones."""

from collections.abc import Awaitable, Callable, Collection, Iterator
from functools import partial

from angarium.contracts.errors import Detail, ValidationFailed
from angarium.contracts.templates import TemplateVersionCreate
from angarium.rendering.fragments import Fragment, Fragments, references
from angarium.rendering.parts import given_parts
from angarium.rendering.problems import TemplateInvalid, TemplateProblem
from angarium.services.templates.drafting.compiling import Compiling
from angarium.services.templates.drafting.model import Draft, Source

MOST_FRAGMENTS = 100
MOST_FRAGMENT_CHARACTERS = 10_000_000
"""Limit of all layouts and partials of a draft, in all languages."""
_INHERITED = ("description", "channel", "language", "category", "delivery_policy", "retry_delays")

FindFragments = Callable[[str, Collection[str]], Awaitable[Fragments]]
"""Finds the published versions of a tenant's codes."""


class Drafting:
    """Completes requests and compiles them."""

    def __init__(self, compiling: Compiling, find_fragments: FindFragments) -> None:
        self._compiling = compiling
        self._find_fragments = find_fragments

    async def draft(self, tenant: str, code: str, body: TemplateVersionCreate, before: Source | None) -> Draft:
        """Build the version for `body`; omitted fields are taken from `before`.

        Raises ValidationFailed with field, line and column of every error, RateLimited and Transient.
        """
        whole = _inherited(code, body, before)
        try:
            return await self._compiling.draft(tenant, code, whole, partial(self._fragments, tenant, whole))
        except TemplateInvalid as invalid:
            details = [Detail(p.field, p.message, p.line, p.column) for p in invalid.problems]
            raise ValidationFailed("The template is faulty", details=details) from invalid

    async def _fragments(self, tenant: str, body: TemplateVersionCreate) -> Fragments:
        """The layouts and partials referenced in `body`, directly or indirectly."""
        found: dict[str, Fragment] = {}
        asked: set[str] = set()
        wanted = set(references(sources_of(body)))
        while wanted and len(asked) < MOST_FRAGMENTS:
            more = await self._find_fragments(tenant, sorted(wanted)[:MOST_FRAGMENTS])
            found.update(more)
            _refuse_large(found)
            asked |= wanted
            wanted = set(references(source for fragment in more.values() for source in fragment.sources())) - asked
        return found


def sources_of(body: TemplateVersionCreate) -> Iterator[str]:
    """Every source in a request."""
    yield from given_parts(body).values()
    for parts in body.translations.values():
        yield from given_parts(parts).values()


def _refuse_large(fragments: Fragments) -> None:
    characters = sum(len(source) for fragment in fragments.values() for source in fragment.sources())
    if characters > MOST_FRAGMENT_CHARACTERS:
        message = f"its layouts and partials are larger than {MOST_FRAGMENT_CHARACTERS} characters"
        raise TemplateInvalid([TemplateProblem("content", message)])


def _inherited(code: str, body: TemplateVersionCreate, before: Source | None) -> TemplateVersionCreate:
    if before is None:
        return body
    absent = {field: getattr(before, field) for field in _INHERITED if field not in body.model_fields_set}
    return body.model_copy(update={**absent, "name": body.name or before.name or code})
