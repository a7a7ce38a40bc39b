"""From a template's parts to what is rendered at each send: done once, when a version is saved."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from liquid import BoundTemplate

from angarium.contracts.templates import ChannelSources, TemplateParts
from angarium.rendering.html import inline_css, make_text
from angarium.rendering.limits import Limits, Timer
from angarium.rendering.liquid import SafeEnvironment
from angarium.rendering.mjml import compile_mjml
from angarium.rendering.problems import TemplateInvalid, TemplateProblem
from angarium.rendering.variables import required_names

MOST_COMPILED_CHARACTERS = 1_000_000
"""Of one part."""
MOST_CHARACTERS = 5_000_000
"""Of all parts of all languages."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Every language's sources, and the variables that they need, in the order of their first use."""

    locales: Mapping[str, ChannelSources]
    required_variables: tuple[str, ...]


class Compiler:
    """Checks and compiles templates. CPU-bound: up to some hundred milliseconds for the largest; run it in a thread."""

    def __init__(self, limits: Limits | None = None, timer: Timer = time.thread_time) -> None:
        self._limits = limits or Limits()
        self._html = SafeEnvironment(self._limits, timer, html=True)
        self._plain = SafeEnvironment(self._limits, timer, html=False)

    def compile(
        self, name: str, language: str, parts: TemplateParts, translations: Mapping[str, TemplateParts]
    ) -> Compiled:
        """A template called `name`. What a translation leaves out is taken from the default language.

        Raises TemplateInvalid with every fault: fields as in the request, `translations.fr.subject` for a translation.
        """
        job = _Job(self._limits, self._html, self._plain)
        locales = {language: job.language(name, parts, parts, "")}
        for locale, translated in translations.items():
            if locale.lower() == language.lower():
                job.problems.append(TemplateProblem(f"translations.{locale}", "is the template's own language"))
                continue
            locales[locale] = job.language(name, parts, translated, f"translations.{locale}.")
            if job.characters > MOST_CHARACTERS:
                job.problems.append(TemplateProblem("translations", f"are larger than {MOST_CHARACTERS} characters"))
                break
        if not job.problems and not any(channel for _, channel in locales[language]):
            job.problems.append(TemplateProblem("content", "content, or a part of a channel, is required"))
        if job.problems:
            raise TemplateInvalid(job.problems)
        return Compiled(locales, tuple(required_names(job.parsed)))


class _Job:
    """One template being compiled."""

    def __init__(self, limits: Limits, html: SafeEnvironment, plain: SafeEnvironment) -> None:
        self._limits = limits
        self._html = html
        self._plain = plain
        self.problems: list[TemplateProblem] = []
        self.parsed: list[BoundTemplate] = []
        self.characters = 0
        self._made: dict[tuple[str, ...], str] = {}

    def language(self, name: str, default: TemplateParts, parts: TemplateParts, prefix: str) -> ChannelSources:
        whole = _completed(default, parts)
        fields = {
            part: prefix + part if getattr(parts, part) is not None else part for part in TemplateParts.model_fields
        }
        return ChannelSources(
            email=self._email(name, whole, fields), push=self._push(whole, fields), sms=self._sms(whole, fields)
        )

    def _email(self, name: str, parts: TemplateParts, fields: Mapping[str, str]) -> dict[str, str] | None:
        field = _first(parts, "mjml", "html", "content")
        if field is None and parts.text is None:
            return None
        made = {
            "subject": self._source(parts.subject, fields["subject"]) if parts.subject is not None else _literal(name)
        }
        if field is not None:
            made["html"] = self._mail_html(getattr(parts, field), field, fields[field])
        if parts.text is not None:
            made["text"] = self._source(parts.text, fields["text"])
        elif text := self._made_text(made["html"], fields[str(field)]):
            made["text"] = text
        return made

    def _push(self, parts: TemplateParts, fields: Mapping[str, str]) -> dict[str, str] | None:
        main = _first(parts, "body", "content")
        if main is None:
            return None
        made = {"body": self._source(getattr(parts, main), fields[main])}
        for part in ("title", "image", "link"):
            if getattr(parts, part) is not None:
                made[part] = self._source(getattr(parts, part), fields[part])
        return made

    def _sms(self, parts: TemplateParts, fields: Mapping[str, str]) -> dict[str, str] | None:
        main = _first(parts, "text", "content")
        return None if main is None else {"text": self._source(getattr(parts, main), fields[main])}

    def _mail_html(self, source: str, part: str, field: str) -> str:
        def made() -> str:
            self.parsed.append(self._html.compiled(source, field))
            html = compile_mjml(source, field, self._limits) if part == "mjml" else source
            inlined = inline_css(html, field, self._limits, keep_styles=part == "mjml")
            return self._parsed_again(inlined, self._html, field)

        return self._once(("html", part, field, source), made)

    def _made_text(self, html: str, field: str) -> str:
        def made() -> str:
            try:
                return self._parsed_again(make_text(html, field, self._limits), self._plain, field)
            except TemplateProblem:
                return ""  # HTML and Liquid are interwoven too closely: the mail goes without this part

        return self._once(("text", field, html), made)

    def _source(self, source: str, field: str) -> str:
        def made() -> str:
            self.parsed.append(self._plain.compiled(source, field))
            return source

        return self._once(("plain", field, source), made)

    def _parsed_again(self, source: str, environment: SafeEnvironment, field: str) -> str:
        """What a tool made must be a template still."""
        if len(source) > MOST_COMPILED_CHARACTERS:
            raise TemplateProblem(field, f"compiled, it is larger than {MOST_COMPILED_CHARACTERS} characters")
        try:
            environment.compiled(source, field)
        except TemplateProblem as problem:
            raise TemplateProblem(field, f"Liquid and HTML are interwoven too closely: {problem.message}") from problem
        return source

    def _once(self, key: tuple[str, ...], make: Callable[[], str]) -> str:
        """What `make` gives; a part that translations share is made once."""
        if key not in self._made:
            try:
                self._made[key] = make()
            except TemplateProblem as problem:
                self._blame(problem)
                self._made[key] = ""
        self.characters += len(self._made[key])
        return self._made[key]

    def _blame(self, problem: TemplateProblem) -> None:
        if str(problem) not in {str(known) for known in self.problems}:
            self.problems.append(problem)


def _completed(default: TemplateParts, parts: TemplateParts) -> TemplateParts:
    """`parts` with what they leave out; a translated main body replaces every form that the default's had."""
    merged = {**_given(default), **_given(parts)}
    for general, forms in (
        ("content", ("html", "mjml", "text", "body")),
        ("html", ("mjml", "text")),
        ("mjml", ("html", "text")),
    ):
        if getattr(parts, general) is not None:
            merged = {k: v for k, v in merged.items() if k not in forms or getattr(parts, k) is not None}
    return TemplateParts.model_construct(None, **merged)


def _given(parts: TemplateParts) -> dict[str, str]:
    return {name: value for name in TemplateParts.model_fields if (value := getattr(parts, name)) is not None}


def _first(parts: TemplateParts, *names: str) -> str | None:
    return next((name for name in names if getattr(parts, name) is not None), None)


def _literal(text: str) -> str:
    """`text` as a source that renders to itself."""
    return text.replace("{", "(").replace("}", ")")
