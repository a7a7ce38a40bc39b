"""From a request to a version: what is left out is filled in, what is faulty is refused."""

import asyncio

from angarium.contracts.errors import Detail, ValidationFailed
from angarium.contracts.templates import TemplateVersionCreate
from angarium.rendering.compile import Compiled, Compiler
from angarium.rendering.problems import TemplateInvalid
from angarium.services.templates.model import Draft, Source, Sources, given_parts

MOST_TRANSLATIONS = 200
_INHERITED = ("description", "channel", "language", "category", "delivery_policy", "retry_delays")


class Drafting:
    """Compiles requests, one at a time and beside the event loop: a large template takes some hundred milliseconds."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._turn = asyncio.Semaphore(1)

    async def draft(self, code: str, body: TemplateVersionCreate, before: Source | None) -> Draft:
        """The version that `body` asks for; what else it leaves out comes from `before`.

        Raises ValidationFailed with field, line and column of every fault.
        """
        whole = _inherited(body, before)
        name = whole.name or (before.name if before is not None else code)
        compiled = await self._compile(name, whole)
        source = _source(name, whole, compiled)
        return Draft(source=source, compiled=Sources(locales=dict(compiled.locales)))

    async def _compile(self, name: str, body: TemplateVersionCreate) -> Compiled:
        if len(body.translations) > MOST_TRANSLATIONS:
            raise ValidationFailed.of("translations", f"may be at most {MOST_TRANSLATIONS}")
        try:
            async with self._turn:
                return await asyncio.to_thread(self._compiler.compile, name, body.language, body, body.translations)
        except TemplateInvalid as invalid:
            details = [Detail(p.field, p.message, p.line, p.column) for p in invalid.problems]
            raise ValidationFailed("The template is faulty", details=details) from invalid


def _inherited(body: TemplateVersionCreate, before: Source | None) -> TemplateVersionCreate:
    if before is None:
        return body
    absent = {field: getattr(before, field) for field in _INHERITED if field not in body.model_fields_set}
    return body.model_copy(update=absent)


def _source(name: str, body: TemplateVersionCreate, compiled: Compiled) -> Source:
    named = compiled.required_variables if body.required_variables is None else body.required_variables
    return Source(
        name=name,
        description=body.description or "",
        channel=body.channel,
        language=body.language,
        required_variables=[variable for variable in dict.fromkeys(named) if variable not in body.defaults],
        defaults=body.defaults,
        category=body.category,
        delivery_policy=body.delivery_policy,
        retry_delays=body.retry_delays,
        parts=given_parts(body),
        translations={locale: given_parts(parts) for locale, parts in body.translations.items()},
    )
