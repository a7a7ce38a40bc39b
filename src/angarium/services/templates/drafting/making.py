"""Builds a version from a complete request: CPU-bound work on authors' input."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from angarium.contracts.statuses import Channel
from angarium.contracts.templates import LINK_VARIABLES, TemplateParts, TemplateVersionCreate, VariableView
from angarium.rendering.compile import Compiled, Compiler, Working, ignore
from angarium.rendering.fragments import Fragments
from angarium.rendering.parts import given_parts, main_part
from angarium.rendering.problems import TemplateInvalid, TemplateProblem
from angarium.rendering.requirements import required_by_channel
from angarium.rendering.sms import shortest_sms
from angarium.services.templates.drafting.model import Draft, Source, Sources

PartsT = TypeVar("PartsT", bound=TemplateParts)

MOST_TRANSLATIONS = 200
MOST_SEGMENTS = 10
"""Maximum segments of an SMS, the limit of providers."""


def make_draft(
    compiler: Compiler, code: str, body: TemplateVersionCreate, fragments: Fragments, working: Working = ignore
) -> Draft:
    """Build the version for `body`. CPU-bound; `working`: see Compiler.compile. Raises TemplateInvalid."""
    if len(body.translations) > MOST_TRANSLATIONS:
        raise TemplateInvalid([TemplateProblem("translations", f"may be at most {MOST_TRANSLATIONS}")])
    name = body.name or code
    body = _with_content(body)
    compiled = compiler.compile(
        name,
        body.language,
        body,
        body.translations,
        channel=body.channel,
        code=code,
        fragments=fragments,
        working=working,
    )
    if body.channel is Channel.SMS:
        _refuse_long_sms(body, compiled, working)
    source = _source(name, body, compiled)
    required = required_by_channel(compiled.locales, source.required_variables)
    return Draft(source=source, compiled=Sources(locales=dict(compiled.locales), required=required))


def _with_content(body: TemplateVersionCreate) -> TemplateVersionCreate:
    """Use the field `body` as `content` if a mail has no other main part, for clients of other systems."""
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


def _refuse_long_sms(body: TemplateVersionCreate, compiled: Compiled, working: Working) -> None:
    problems = []
    for locale, sources in compiled.locales.items():
        working(_sms_field(body, locale))
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


def _source(name: str, body: TemplateVersionCreate, compiled: Compiled) -> Source:
    named = compiled.required_variables if body.required_variables is None else body.required_variables
    given = {*body.defaults, *LINK_VARIABLES}
    required = [variable for variable in dict.fromkeys(named) if variable not in given]
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
