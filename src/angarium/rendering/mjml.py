"""Compiles MJML (mjml.io) to HTML once, when a version is saved."""

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import mrml

from angarium.rendering.limits import Limits
from angarium.rendering.placeholders import Protected, protect
from angarium.rendering.problems import TemplateProblem
from angarium.rendering.structure import find_fault

# https://documentation.mjml.io/#components; the compiler silently ignores unknown tags.
# mj-include is excluded, since templates must not read files.
_KNOWN = frozenset(
    "mjml mj-accordion mj-accordion-element mj-accordion-text mj-accordion-title mj-all mj-attributes mj-body "  # noqa: SIM905 - a list of words
    "mj-breakpoint mj-button mj-carousel mj-carousel-image mj-class mj-column mj-divider mj-font mj-group mj-head "
    "mj-hero mj-html-attribute mj-html-attributes mj-image mj-navbar mj-navbar-link mj-preview mj-raw mj-section "
    "mj-selector mj-social mj-social-element mj-spacer mj-style mj-table mj-text mj-title mj-wrapper".split()
)
_CHILDREN: dict[str, frozenset[str]] = {
    parent: frozenset(children.split())
    for parent, children in {
        "mjml": "mj-head mj-body mj-raw",
        "mj-head": "mj-attributes mj-breakpoint mj-font mj-html-attributes mj-preview mj-style mj-title mj-raw",
        "mj-body": "mj-section mj-wrapper mj-hero mj-raw",
        "mj-wrapper": "mj-section mj-hero mj-raw",
        "mj-section": "mj-column mj-group mj-raw",
        "mj-group": "mj-column mj-raw",
        "mj-column": "mj-accordion mj-button mj-carousel mj-divider mj-image mj-navbar mj-raw mj-social mj-spacer "
        "mj-table mj-text",
        "mj-hero": "mj-button mj-divider mj-image mj-navbar mj-raw mj-social mj-spacer mj-table mj-text mj-accordion "
        "mj-carousel",
        "mj-accordion": "mj-accordion-element mj-raw",
        "mj-accordion-element": "mj-accordion-title mj-accordion-text mj-raw",
        "mj-carousel": "mj-carousel-image",
        "mj-navbar": "mj-navbar-link mj-raw",
        "mj-social": "mj-social-element mj-raw",
        "mj-html-attributes": "mj-selector",
        "mj-selector": "mj-html-attribute",
    }.items()
}
"""The permitted children of elements; elements not listed contain HTML, or names of elements (mj-attributes)."""
MOST_ELEMENTS = 2_000
"""Limit of MJML elements per document; the largest real mails have a few hundred."""
MOST_ATTRIBUTES = 100
"""Limit of attributes per element."""
_MOST: Mapping[str, int] = MappingProxyType(
    {"mj-carousel-image": 50, "mj-accordion-element": 200, "mj-navbar-link": 200, "mj-social-element": 200}
)
"""Limits per element type and document. Carousels are quadratic: the compiler writes CSS for each pair of images."""
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<(mj(?:ml|-[\w-]*))\b", re.DOTALL)
_ELEMENT = re.compile(r"<!--.*?(?:-->|\Z)|<(/?)([a-zA-Z][\w:-]*)(?:[^>\"']|\"[^\"]*\"|'[^']*')*?(/?)>", re.DOTALL)
_ATTRIBUTE = re.compile(r"\"[^\"]*\"|'[^']*'|\s([^\s=\"'<>/]+)")
_DOCUMENT = re.compile(r"<mjml\b")


def is_document(source: str) -> bool:
    """Whether `source` is a complete mail, not a fragment."""
    return _DOCUMENT.search(source) is not None


def compile_mjml(source: str, field: str, limits: Limits) -> str:
    """Compile `source` to HTML, keeping its Liquid. Raises TemplateProblem."""
    protected = check_mjml(source, field, limits)
    try:
        compiled = mrml.to_html(protected.text, None, _no_fonts()).content
    except OSError as error:  # what mrml raises for a source that it cannot read
        message = str(error).removesuffix(" in root template")
        raise TemplateProblem.at(field, f"not valid MJML: {message}", source, len(source)) from error
    return protected.restored(compiled, field)


def _no_fonts() -> mrml.RenderOptions:
    """Disable the compiler's list of fonts, with which mails would load fonts from Google.

    Fonts declared with mj-font are kept.
    """
    return mrml.RenderOptions(fonts={})


def check_mjml(source: str, field: str, limits: Limits) -> Protected:
    """Check that the elements of `source` are known, closed in order and permitted in their place.

    Raises TemplateProblem.
    """
    protected = protect(source, field, limits)
    check_elements(source, field)
    _check_structure(source, protected, field)
    _check_sizes(source, protected, field)
    _check_places(source, protected, field)
    return protected


def check_elements(source: str, field: str) -> None:
    """Raise TemplateProblem at an unknown MJML element."""
    for match in _TAG.finditer(source):
        if match.group(1) is not None and match.group(1) not in _KNOWN:
            raise TemplateProblem.at(field, f"unknown MJML tag <{match.group(1)}>", source, match.start())


def _check_sizes(source: str, protected: Protected, field: str) -> None:
    """Refuse sources that would take the compiler too long."""
    counts: Counter[str] = Counter()
    for match in _ELEMENT.finditer(protected.text):
        closing, name = match.group(1), match.group(2)
        if name is None or closing:
            continue
        message = _excess(name, counts, sum(map(bool, _ATTRIBUTE.findall(match.group()))))
        if message is not None:
            raise TemplateProblem.at(field, message, source, protected.index_in(source, match.start()))


def _excess(name: str, counts: Counter[str], attributes: int) -> str | None:
    """The limit that one more element `name` would exceed; None if it exceeds none."""
    if attributes > MOST_ATTRIBUTES:
        return f"<{name}> has more than {MOST_ATTRIBUTES} attributes"
    if not name.startswith("mj"):
        return None
    counts[name] += 1
    if counts[name] > _MOST.get(name, MOST_ELEMENTS):
        return f"there are more than {_MOST.get(name, MOST_ELEMENTS)} <{name}>"
    if counts.total() > MOST_ELEMENTS:
        return f"there are more than {MOST_ELEMENTS} MJML elements"
    return None


def _check_structure(source: str, protected: Protected, field: str) -> None:
    fault = find_fault(protected.text, xml=True)
    if fault is not None:
        index = protected.index_in(source, fault.index)
        raise TemplateProblem.at(field, f"not valid MJML: {fault.message}", source, index)


def _check_places(source: str, protected: Protected, field: str) -> None:
    """Check placement, since the compiler silently drops misplaced elements."""
    opened: list[str] = []
    for match in _ELEMENT.finditer(protected.text):
        closing, name, closed = match.group(1), match.group(2), match.group(3)
        if name is None:
            continue
        if closing:
            while opened and opened.pop() != name:
                pass  # a void HTML element
            continue
        parent = opened[-1] if opened else ""
        if parent in _CHILDREN and name not in _CHILDREN[parent]:
            index = protected.index_in(source, match.start())
            raise TemplateProblem.at(field, f"<{name}> cannot stand in <{parent}>", source, index)
        if not closed:
            opened.append(name)
