"""Local template checks: the same as the templates service runs when a version is saved."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from angarium.cli.template_files import FILES, FileProblem, UnreadableFiles, file_of, folders, read_template
from angarium.contracts.templates import TemplateCreate
from angarium.rendering.compile import Compiler
from angarium.rendering.fragments import Fragment, Fragments, references
from angarium.rendering.parts import given_parts
from angarium.rendering.problems import TemplateInvalid
from angarium.services.templates.drafting.making import make_draft
from angarium.services.templates.drafting.model import Source
from angarium.services.templates.drafting.use_cases import sources_of


@dataclass(frozen=True, slots=True)
class Checked:
    """A valid template: the request to send, and the version the service would create from it."""

    body: TemplateCreate
    source: Source


def read_all(root: Traversable) -> tuple[Mapping[str, TemplateCreate], Sequence[FileProblem]]:
    """Read the templates below `root`, dependencies first, with the errors of those that cannot be read."""
    found: dict[str, TemplateCreate] = {}
    problems: list[FileProblem] = []
    for folder in folders(root):
        try:
            found[folder.name] = read_template(folder)
        except UnreadableFiles as error:
            problems += error.problems
    return {code: found[code] for code in _sorted(found)}, problems


def check_all(
    bodies: Mapping[str, TemplateCreate], elsewhere: Fragments
) -> tuple[Mapping[str, Checked], Sequence[FileProblem]]:
    """Check each template. References are resolved among `bodies` and in `elsewhere`, which has published fragments.

    Returns the valid templates by code, and the errors of the others.
    """
    fragments = {**elsewhere, **{code: _fragment(body) for code, body in bodies.items()}}
    compiler = Compiler()
    checked: dict[str, Checked] = {}
    problems: list[FileProblem] = []
    for code, body in bodies.items():
        try:
            checked[code] = Checked(body, make_draft(compiler, code, body, fragments).source)
        except TemplateInvalid as invalid:
            problems += [
                FileProblem(code, file_of(code, p.field), p.field, p.message, *_place(p.field, p.line, p.column))
                for p in invalid.problems
            ]
    return checked, problems


def named_elsewhere(bodies: Mapping[str, TemplateCreate]) -> Sequence[str]:
    """Codes that the templates reference but do not define."""
    named = references(source for body in bodies.values() for source in sources_of(body))
    return [code for code in named if code not in bodies]


def _fragment(body: TemplateCreate) -> Fragment:
    translations = {locale: given_parts(parts) for locale, parts in body.translations.items()}
    return Fragment(0, body.language, given_parts(body), translations)


def _place(field: str, line: int | None, column: int | None) -> tuple[int | None, int | None]:
    """Position in the file. None for a part that is written inline in `template.yaml`."""
    return (line, column) if field.rpartition(".")[2] in FILES else (None, None)


def _sorted(bodies: Mapping[str, TemplateCreate]) -> Iterable[str]:
    """The codes in dependency order. Ties and cycles are sorted by name."""
    done: dict[str, None] = {}

    def visit(code: str, path: frozenset[str]) -> None:
        if code in done or code in path or code not in bodies:
            return
        for named in sorted(references(sources_of(bodies[code]))):
            visit(named, path | {code})
        done[code] = None

    for code in sorted(bodies):
        visit(code, frozenset())
    return done
