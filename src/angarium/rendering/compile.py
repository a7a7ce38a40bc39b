"""Compiles a template's parts to the sources rendered at each send, once, when a version is saved."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from liquid import BoundTemplate

from angarium.contracts.statuses import Channel
from angarium.contracts.templates import ChannelSources, TemplateParts
from angarium.rendering.assembly import Assembler
from angarium.rendering.authoring import AuthoringEnvironment
from angarium.rendering.fragments import Fragments, is_fragment, references
from angarium.rendering.html import inline_css
from angarium.rendering.json_samples import check_json
from angarium.rendering.limits import Limits, Timer
from angarium.rendering.liquid import SafeEnvironment
from angarium.rendering.locales import locale_chain
from angarium.rendering.mjml import check_elements, check_mjml, compile_mjml, is_document
from angarium.rendering.parts import Part, main_part, own_part_fault, parts_of
from angarium.rendering.plain_text import make_text
from angarium.rendering.problems import TemplateInvalid, TemplateProblem
from angarium.rendering.variables import TypedVariable, typed_variables

MOST_COMPILED_CHARACTERS = 1_000_000
"""Limit of one part."""
MOST_CHARACTERS = 5_000_000
"""Limit of all compiled parts of all languages, and of all assembled sources."""
_COMPARED = (60, 30, 15)
"""Lengths of text used to find a position of a composed source in the author's source."""

Working = Callable[[str], None]
"""Called with a field before each step on it. An exception ends the compilation."""


def ignore(_: str) -> None:
    """A `Working` that does nothing."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The sources of every language, their variables, and the versions of the included layouts and partials."""

    locales: Mapping[str, ChannelSources]
    variables: tuple[TypedVariable, ...]
    includes: Mapping[str, int] = field(default_factory=dict)

    @property
    def required_variables(self) -> tuple[str, ...]:
        """The names of required variables."""
        return tuple(variable.name for variable in self.variables if variable.required)


class Compiler:
    """Checks and compiles templates. CPU-bound, and native code parses authors' input: run it in a child process."""

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
        channel: Channel = Channel.EMAIL,
        code: str = "",
        fragments: Fragments | None = None,
        working: Working = ignore,
    ) -> Compiled:
        """Compile the template `name` with `fragments`; parts missing in `pt-BR` come from `pt`, then `language`.

        `content` is the main part of `channel`, which is required.
        Raises TemplateInvalid with every error: fields as in the request, such as `translations.fr.subject`.
        """
        assembler = Assembler(code, fragments or {}, self._limits)
        job = _Job(self._limits, self._html, self._plain, assembler, channel, working)
        locales = {language: job.language(name, language, {"": parts})}
        for locale in translations:
            if locale.lower() == language.lower():
                job.problems.append(TemplateProblem(f"translations.{locale}", "is the template's own language"))
                continue
            locales[locale] = job.language(name, locale, _chain(parts, translations, locale, language))
            if job.characters > MOST_CHARACTERS:
                job.problems.append(TemplateProblem("translations", f"are larger than {MOST_CHARACTERS} characters"))
                break
        fault = own_part_fault(parts, channel)
        if fault is not None and fault[0] not in {problem.field for problem in job.problems}:
            job.problems.append(TemplateProblem(*fault))
        if job.problems:
            raise TemplateInvalid(job.problems)
        return Compiled(locales, typed_variables(job.parsed), assembler.used)


@dataclass(frozen=True, slots=True)
class _Environments:
    """The environments of one kind of text: for authors' sources and for rendering."""

    authoring: AuthoringEnvironment
    rendering: SafeEnvironment

    @classmethod
    def of(cls, limits: Limits, timer: Timer, *, html: bool) -> "_Environments":
        return cls(AuthoringEnvironment(limits, timer, html=html), SafeEnvironment(limits, timer, html=html))


def _chain(
    parts: TemplateParts, translations: Mapping[str, TemplateParts], locale: str, language: str
) -> Mapping[str, TemplateParts]:
    """The sources of a language's parts, with their place in the request, the nearest language first."""
    chain = [name for name in locale_chain(translations, locale, language) if name in translations]
    return {**{f"translations.{name}.": translations[name] for name in chain}, "": parts}


class _Job:
    """The compilation of one template."""

    def __init__(
        self,
        limits: Limits,
        html: _Environments,
        plain: _Environments,
        assembler: Assembler,
        own: Channel,
        working: Working,
    ) -> None:
        self._limits = limits
        self._own = own
        self._working = working
        self._html = html
        self._plain = plain
        self._assembler = assembler
        self._fragment = is_fragment(assembler.root)
        self._locale = ""
        self.problems: list[TemplateProblem] = []
        self.parsed: list[BoundTemplate] = []
        self.characters = 0
        self._assembled_characters = 0
        self._made: dict[tuple[str, ...], str] = {}

    def language(self, name: str, locale: str, chain: Mapping[str, TemplateParts]) -> ChannelSources:
        """The sources of one language, from the parts in `chain` by prefix, the nearest language first."""
        self._locale = locale
        self._check_unused(chain)
        return ChannelSources(
            email=self._email(name, parts_of(Channel.EMAIL, self._own, chain)),
            push=self._push(parts_of(Channel.PUSH, self._own, chain)),
            sms=self._sms(parts_of(Channel.SMS, self._own, chain)),
            webhook=self._webhook(parts_of(Channel.WEBHOOK, self._own, chain)),
        )

    def _check_unused(self, chain: Mapping[str, TemplateParts]) -> None:
        """Check a `content` that a more specific part overrides, since other templates may include it."""
        prefix, nearest = next(iter(chain.items()))
        if nearest.content is None or main_part(self._own, parts_of(self._own, self._own, chain)) == "content":
            return
        environments = self._html if self._own is Channel.EMAIL else self._plain
        try:
            environments.authoring.compiled(nearest.content, f"{prefix}content")
        except TemplateProblem as problem:
            self._blame(problem)

    def _email(self, name: str, parts: Mapping[str, Part]) -> dict[str, str] | None:
        main = main_part(Channel.EMAIL, parts)
        if main is None and "text" not in parts:
            return None
        made = {"subject": self._source(parts, "subject") if "subject" in parts else _literal(name)}
        if main is not None and (html := self._mail_html(parts[main].source, main, parts[main].field)):
            made["html"] = html
        if "text" in parts:
            made["text"] = self._source(parts, "text")
        elif main is not None and "html" in made and (text := self._made_text(made["html"], parts[main].field)):
            made["text"] = text
        return made

    def _push(self, parts: Mapping[str, Part]) -> dict[str, str] | None:
        main = main_part(Channel.PUSH, parts)
        if main is None:
            return None
        others = [name for name in ("title", "image", "link") if name in parts]
        return {"body": self._source(parts, main), **{name: self._source(parts, name) for name in others}}

    def _sms(self, parts: Mapping[str, Part]) -> dict[str, str] | None:
        main = main_part(Channel.SMS, parts)
        return None if main is None else {"text": self._source(parts, main)}

    def _webhook(self, parts: Mapping[str, Part]) -> dict[str, str] | None:
        match main_part(Channel.WEBHOOK, parts):
            case None:
                return None
            case "text":
                title = {"title": self._source(parts, "title")} if "title" in parts else {}
                return {**title, "text": self._source(parts, "text")}
            case main:
                return {"json": self._json(parts[main].source, main, parts[main].field)}

    def _json(self, source: str, part: str, field: str) -> str:
        def made() -> str:
            flat = self._assembled(source, part, field, self._plain)
            if self._fragment:
                return flat  # a piece of JSON is JSON only where it is used
            try:
                check_json(self.parsed[-1], flat, field)
            except TemplateProblem as problem:
                raise problem if flat == source else _composed(problem, source, flat) from problem
            return flat

        return self._once(field, ("json", field, self._locale_of(source), source), made)

    def _mail_html(self, source: str, part: str, name: str) -> str:
        def made() -> str:
            if part == "mjml":
                check_elements(source, name)
            flat = self._assembled(source, part, name, self._html)
            try:
                return self._compiled_html(flat, part, name)
            except TemplateProblem as unplaced:
                problem = unplaced.placed(flat)
                raise problem if flat == source else _composed(problem, source, flat) from unplaced

        return self._once(name, ("html", part, name, self._locale_of(source), source), made)

    def _compiled_html(self, flat: str, part: str, name: str) -> str:
        if part == "mjml" and self._fragment and not is_document(flat):
            check_mjml(flat, name, self._limits)
            return ""  # a piece of MJML is compiled where it is used
        html = compile_mjml(flat, name, self._limits) if part == "mjml" else flat
        inlined = inline_css(html, name, self._limits)
        return self._parsed_again(inlined, self._html.rendering, name)

    def _assembled(self, source: str, part: str, name: str, environments: _Environments) -> str:
        """Check `source` as written and inline its layout and partials."""
        environments.authoring.compiled(source, name)
        flat = self._assembler.assemble(source, part=part, name=name, locale=self._locale)
        self._assembled_characters += len(flat)  # also for sources that turn out to be invalid
        if self._assembled_characters > MOST_CHARACTERS:
            message = f"with its layouts and partials the template is larger than {MOST_CHARACTERS} characters"
            raise TemplateInvalid([*self.problems, TemplateProblem(name, message)])
        try:
            self.parsed.append(environments.rendering.compiled(flat, name))
        except TemplateProblem as problem:
            raise _composed(problem, source, flat) from problem
        return flat

    def _locale_of(self, source: str) -> str:
        """None for a source without fragments, which is the same in every language."""
        return self._locale if references([source]) else ""

    def _made_text(self, html: str, field: str) -> str:
        def made() -> str:
            try:
                return self._parsed_again(make_text(html, field, self._limits), self._plain.rendering, field)
            except TemplateProblem:
                return ""  # HTML and Liquid are too intertwined: the mail has no such part

        return self._once(field, ("text", field, html), made)

    def _source(self, parts: Mapping[str, Part], name: str) -> str:
        source, field = parts[name].source, parts[name].field
        key = ("plain", field, self._locale_of(source), source)
        return self._once(field, key, lambda: self._assembled(source, name, field, self._plain))

    def _parsed_again(self, source: str, environment: SafeEnvironment, field: str) -> str:
        """Check that a tool's output is still a valid template."""
        if len(source) > MOST_COMPILED_CHARACTERS:
            raise TemplateProblem(field, f"compiled, it is larger than {MOST_COMPILED_CHARACTERS} characters")
        try:
            environment.compiled(source, field)
        except TemplateProblem as problem:
            raise TemplateProblem(field, f"Liquid and HTML are interwoven too closely: {problem.message}") from problem
        return source

    def _once(self, field: str, key: tuple[str, ...], make: Callable[[], str]) -> str:
        """Call `make` once for a part that translations share."""
        if key not in self._made:
            self._working(field)
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


def _composed(problem: TemplateProblem, source: str, flat: str) -> TemplateProblem:
    """An error that occurs only with the layout and partials.

    Its position in the author's source is that of the same text if it occurs once, otherwise the beginning.
    """
    line = flat.split("\n")[problem.line - 1] if problem.line is not None else ""
    text = line[(problem.column or 1) - 1 :]
    index = next((source.find(text[:size]) for size in _COMPARED if text and source.count(text[:size]) == 1), 0)
    return TemplateProblem.at(problem.field, f"with its layout and partials: {problem.message}", source, index)


def _literal(text: str) -> str:
    """Escape `text` to a source that renders to itself."""
    return text.replace("{", "(").replace("}", ")")
