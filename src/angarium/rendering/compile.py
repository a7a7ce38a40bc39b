"""From a template's parts to what is rendered at each send: done once, when a version is saved."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from liquid import BoundTemplate

from angarium.contracts.templates import ChannelSources, TemplateParts
from angarium.rendering.assembly import Assembler
from angarium.rendering.authoring import AuthoringEnvironment
from angarium.rendering.fragments import Fragments, is_fragment, references
from angarium.rendering.html import inline_css, make_text
from angarium.rendering.limits import Limits, Timer
from angarium.rendering.liquid import SafeEnvironment
from angarium.rendering.locales import locale_chain
from angarium.rendering.mjml import check_elements, check_mjml, compile_mjml, is_document
from angarium.rendering.problems import TemplateInvalid, TemplateProblem
from angarium.rendering.variables import TypedVariable, typed_variables

MOST_COMPILED_CHARACTERS = 1_000_000
"""Of one part."""
MOST_CHARACTERS = 5_000_000
"""Of all parts of all languages."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Every language's sources, the variables that they take, and the layouts and partials in them by version."""

    locales: Mapping[str, ChannelSources]
    variables: tuple[TypedVariable, ...]
    includes: Mapping[str, int] = field(default_factory=dict)

    @property
    def required_variables(self) -> tuple[str, ...]:
        """The names of those that must be given."""
        return tuple(variable.name for variable in self.variables if variable.required)


class Compiler:
    """Checks and compiles templates. CPU-bound: up to some hundred milliseconds for the largest; run it in a thread."""

    def __init__(self, limits: Limits | None = None, timer: Timer = time.thread_time) -> None:
        self._limits = limits or Limits()
        self._html = _Environments.of(self._limits, timer, html=True)
        self._plain = _Environments.of(self._limits, timer, html=False)

    def compile(
        self,
        name: str,
        language: str,
        parts: TemplateParts,
        translations: Mapping[str, TemplateParts],
        *,
        code: str = "",
        fragments: Fragments | None = None,
    ) -> Compiled:
        """A template called `name`, made with `fragments`; what `pt-BR` leaves out comes from `pt`, then `language`.

        Raises TemplateInvalid with every fault: fields as in the request, `translations.fr.subject` for a translation.
        """
        assembler = Assembler(code, fragments or {}, self._limits)
        job = _Job(self._limits, self._html, self._plain, assembler)
        locales = {language: job.language(name, language, {"": parts})}
        for locale in translations:
            if locale.lower() == language.lower():
                job.problems.append(TemplateProblem(f"translations.{locale}", "is the template's own language"))
                continue
            locales[locale] = job.language(name, locale, _chain(parts, translations, locale, language))
            if job.characters > MOST_CHARACTERS:
                job.problems.append(TemplateProblem("translations", f"are larger than {MOST_CHARACTERS} characters"))
                break
        if not job.problems and not job.parsed_bodies:
            job.problems.append(TemplateProblem("content", "content, or a part of a channel, is required"))
        if job.problems:
            raise TemplateInvalid(job.problems)
        return Compiled(locales, typed_variables(job.parsed), assembler.used)


@dataclass(frozen=True, slots=True)
class _Environments:
    """Of one kind of text: for what authors write, and for what is rendered."""

    authoring: AuthoringEnvironment
    rendering: SafeEnvironment

    @classmethod
    def of(cls, limits: Limits, timer: Timer, *, html: bool) -> "_Environments":
        return cls(AuthoringEnvironment(limits, timer, html=html), SafeEnvironment(limits, timer, html=html))


def _chain(
    parts: TemplateParts, translations: Mapping[str, TemplateParts], locale: str, language: str
) -> Mapping[str, TemplateParts]:
    """What a language's parts are made of: where each stands in the request, the nearest first."""
    chain = [name for name in locale_chain(translations, locale, language) if name in translations]
    return {**{f"translations.{name}.": translations[name] for name in chain}, "": parts}


class _Job:
    """One template being compiled."""

    def __init__(self, limits: Limits, html: _Environments, plain: _Environments, assembler: Assembler) -> None:
        self._limits = limits
        self._html = html
        self._plain = plain
        self._assembler = assembler
        self._fragment = is_fragment(assembler.root)
        self._locale = ""
        self.problems: list[TemplateProblem] = []
        self.parsed: list[BoundTemplate] = []
        self.parsed_bodies = 0
        self.characters = 0
        self._made: dict[tuple[str, ...], str] = {}

    def language(self, name: str, locale: str, chain: Mapping[str, TemplateParts]) -> ChannelSources:
        """The sources of one language, from the parts of `chain` by their prefix, the nearest first."""
        self._locale = locale
        whole, fields = TemplateParts(), dict.fromkeys(TemplateParts.model_fields, "")
        for prefix, parts in reversed(list(chain.items())):
            whole = _completed(whole, parts)
            fields.update({part: prefix + part for part in _given(parts)})
        return ChannelSources(
            email=self._email(name, whole, fields), push=self._push(whole, fields), sms=self._sms(whole, fields)
        )

    def _email(self, name: str, parts: TemplateParts, fields: Mapping[str, str]) -> dict[str, str] | None:
        main = _first(parts, "mjml", "html", "content")
        if main is None and parts.text is None:
            return None
        self.parsed_bodies += 1
        made = {"subject": self._source(parts, "subject", fields) if parts.subject is not None else _literal(name)}
        if main is not None and (html := self._mail_html(getattr(parts, main), main, fields[main])):
            made["html"] = html
        if parts.text is not None:
            made["text"] = self._source(parts, "text", fields)
        elif "html" in made and (text := self._made_text(made["html"], fields[str(main)])):
            made["text"] = text
        return made

    def _push(self, parts: TemplateParts, fields: Mapping[str, str]) -> dict[str, str] | None:
        main = _first(parts, "body", "content")
        if main is None:
            return None
        self.parsed_bodies += 1
        made = {"body": self._source(parts, main, fields)}
        for part in ("title", "image", "link"):
            if getattr(parts, part) is not None:
                made[part] = self._source(parts, part, fields)
        return made

    def _sms(self, parts: TemplateParts, fields: Mapping[str, str]) -> dict[str, str] | None:
        main = _first(parts, "text", "content")
        if main is None:
            return None
        self.parsed_bodies += 1
        return {"text": self._source(parts, main, fields)}

    def _mail_html(self, source: str, part: str, name: str) -> str:
        def made() -> str:
            if part == "mjml":
                check_elements(source, name)
            flat = self._assembled(source, part, name, self._html)
            try:
                return self._compiled_html(flat, part, name)
            except TemplateProblem as problem:
                raise problem if flat == source else _composed(problem, source) from problem

        return self._once(("html", part, name, self._locale_of(source), source), made)

    def _compiled_html(self, flat: str, part: str, name: str) -> str:
        if part == "mjml" and self._fragment and not is_document(flat):
            check_mjml(flat, name, self._limits)
            return ""  # a piece of MJML is compiled where it is used
        html = compile_mjml(flat, name, self._limits) if part == "mjml" else flat
        inlined = inline_css(html, name, self._limits, keep_styles=part == "mjml")
        return self._parsed_again(inlined, self._html.rendering, name)

    def _assembled(self, source: str, part: str, name: str, environments: _Environments) -> str:
        """`source`, checked as its author wrote it, with its layout and partials in it."""
        environments.authoring.compiled(source, name)
        flat = self._assembler.assemble(source, part=part, name=name, locale=self._locale)
        try:
            self.parsed.append(environments.rendering.compiled(flat, name))
        except TemplateProblem as problem:
            raise _composed(problem, source) from problem
        return flat

    def _locale_of(self, source: str) -> str:
        """Nothing for a source that is the same in every language, because it takes no pieces of others."""
        return self._locale if references([source]) else ""

    def _made_text(self, html: str, field: str) -> str:
        def made() -> str:
            try:
                return self._parsed_again(make_text(html, field, self._limits), self._plain.rendering, field)
            except TemplateProblem:
                return ""  # HTML and Liquid are interwoven too closely: the mail goes without this part

        return self._once(("text", field, html), made)

    def _source(self, parts: TemplateParts, part: str, fields: Mapping[str, str]) -> str:
        source, name = getattr(parts, part), fields[part]
        key = ("plain", name, self._locale_of(source), source)
        return self._once(key, lambda: self._assembled(source, part, name, self._plain))

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


def _composed(problem: TemplateProblem, source: str) -> TemplateProblem:
    """A fault that only the whole has, with its layout and partials: it has no place in what the author wrote."""
    return TemplateProblem.at(problem.field, f"with its layout and partials: {problem.message}", source, 0)


def _given(parts: TemplateParts) -> dict[str, str]:
    return {name: value for name in TemplateParts.model_fields if (value := getattr(parts, name)) is not None}


def _first(parts: TemplateParts, *names: str) -> str | None:
    return next((name for name in names if getattr(parts, name) is not None), None)


def _literal(text: str) -> str:
    """`text` as a source that renders to itself."""
    return text.replace("{", "(").replace("}", ")")
