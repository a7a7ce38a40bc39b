"""From a request to a version: what is left out is filled in, what is faulty is refused."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import TypeVar

from angarium.contracts.errors import Detail, ValidationFailed
from angarium.contracts.statuses import Channel
from angarium.contracts.templates import TemplateParts, TemplateVersionCreate, VariableView
from angarium.rendering.compile import Compiled, Compiler
from angarium.rendering.fragments import Fragment, Fragments, references
from angarium.rendering.parts import given_parts, main_part
from angarium.rendering.problems import TemplateInvalid, TemplateProblem
from angarium.rendering.requirements import required_by_channel
from angarium.rendering.sms import shortest_sms
from angarium.services.templates.model import Draft, Source, Sources

MOST_TRANSLATIONS = 200
MOST_FRAGMENTS = 100
MOST_SEGMENTS = 10
"""Of an SMS; what providers take at most."""
_INHERITED = ("description", "channel", "language", "category", "delivery_policy", "retry_delays")

PartsT = TypeVar("PartsT", bound=TemplateParts)
FindFragments = Callable[[str, Collection[str]], Awaitable[Fragments]]
"""What is published under some of a tenant's codes."""


class Drafting:
    """Compiles requests, one at a time and beside the event loop: a large template takes some hundred milliseconds."""

    def __init__(self, compiler: Compiler, find_fragments: FindFragments) -> None:
        self._compiler = compiler
        self._find_fragments = find_fragments
        self._turn = asyncio.Semaphore(1)

    async def draft(self, tenant: str, code: str, body: TemplateVersionCreate, before: Source | None) -> Draft:
        """The version that `body` asks for; what else it leaves out comes from `before`.

        Raises ValidationFailed with field, line and column of every fault.
        """
        whole = _inherited(code, body, before)
        fragments = await self._fragments(tenant, whole)
        try:
            async with self._turn:
                return await asyncio.to_thread(make_draft, self._compiler, code, whole, fragments)
        except TemplateInvalid as invalid:
            details = [Detail(p.field, p.message, p.line, p.column) for p in invalid.problems]
            raise ValidationFailed("The template is faulty", details=details) from invalid

    async def _fragments(self, tenant: str, body: TemplateVersionCreate) -> Fragments:
        """The layouts and partials that `body` names, and those that they name."""
        found: dict[str, Fragment] = {}
        asked: set[str] = set()
        wanted = set(references(sources_of(body)))
        while wanted and len(asked) < MOST_FRAGMENTS:
            more = await self._find_fragments(tenant, sorted(wanted)[:MOST_FRAGMENTS])
            found.update(more)
            asked |= wanted
            wanted = set(references(source for fragment in more.values() for source in fragment.sources())) - asked
        return found


def make_draft(compiler: Compiler, code: str, body: TemplateVersionCreate, fragments: Fragments) -> Draft:
    """The version that `body` asks for. CPU-bound. Raises TemplateInvalid."""
    if len(body.translations) > MOST_TRANSLATIONS:
        raise TemplateInvalid([TemplateProblem("translations", f"may be at most {MOST_TRANSLATIONS}")])
    name = body.name or code
    body = _with_content(body)
    compiled = compiler.compile(
        name, body.language, body, body.translations, channel=body.channel, code=code, fragments=fragments
    )
    if body.channel is Channel.SMS:
        _refuse_long_sms(body, compiled)
    source = _source(name, body, compiled)
    required = required_by_channel(compiled.locales, source.required_variables)
    return Draft(source=source, compiled=Sources(locales=dict(compiled.locales), required=required))


def _with_content(body: TemplateVersionCreate) -> TemplateVersionCreate:
    """`body` with `body` as `content` where a mail has no other main part, as other systems' clients name it."""
    if body.channel is not Channel.EMAIL or main_part(Channel.EMAIL, given_parts(body)) is not None:
        return body
    if body.body is None:
        return body
    translations = {locale: _content_from_body(parts) for locale, parts in body.translations.items()}
    return _content_from_body(body).model_copy(update={"translations": translations})


def _content_from_body(parts: PartsT) -> PartsT:
    if main_part(Channel.EMAIL, given_parts(parts)) is not None or parts.body is None:
        return parts
    return parts.model_copy(update={"content": parts.body, "body": None})


def sources_of(body: TemplateVersionCreate) -> Iterator[str]:
    """Every source in a request."""
    yield from given_parts(body).values()
    for parts in body.translations.values():
        yield from given_parts(parts).values()


def _refuse_long_sms(body: TemplateVersionCreate, compiled: Compiled) -> None:
    problems = []
    for locale, sources in compiled.locales.items():
        size = shortest_sms(sources.sms["text"], body.defaults) if sources.sms is not None else None
        if size is not None and size.segments > MOST_SEGMENTS:
            message = f"takes {size.segments} segments as an SMS ({size.encoding}) without any variable"
            problems.append(TemplateProblem(_sms_field(body, locale), f"{message}; at most {MOST_SEGMENTS} are sent"))
    if problems:
        raise TemplateInvalid(problems)


def _sms_field(body: TemplateVersionCreate, locale: str) -> str:
    def main(parts: TemplateParts) -> str | None:
        return next((name for name in ("text", "content") if getattr(parts, name) is not None), None)

    translated = main(body.translations[locale]) if locale in body.translations else None
    return f"translations.{locale}.{translated}" if translated is not None else main(body) or "content"


def _inherited(code: str, body: TemplateVersionCreate, before: Source | None) -> TemplateVersionCreate:
    if before is None:
        return body
    absent = {field: getattr(before, field) for field in _INHERITED if field not in body.model_fields_set}
    return body.model_copy(update={**absent, "name": body.name or before.name or code})


def _source(name: str, body: TemplateVersionCreate, compiled: Compiled) -> Source:
    named = compiled.required_variables if body.required_variables is None else body.required_variables
    required = [variable for variable in dict.fromkeys(named) if variable not in body.defaults]
    return Source(
        name=name,
        description=body.description or "",
        channel=body.channel,
        language=body.language,
        required_variables=required,
        defaults=body.defaults,
        category=body.category,
        delivery_policy=body.delivery_policy,
        retry_delays=body.retry_delays,
        parts=given_parts(body),
        translations={locale: given_parts(parts) for locale, parts in body.translations.items()},
        variables=_variables(compiled, required),
        includes=dict(compiled.includes),
    )


def _variables(compiled: Compiled, required: Collection[str]) -> list[VariableView]:
    types: Mapping[str, VariableView] = {
        found.name: VariableView(name=found.name, type=found.type, required=found.name in required)
        for found in compiled.variables
    }
    unseen = [VariableView(name=name, type=None, required=True) for name in required if name not in types]
    return [*types.values(), *unseen]
