"""MJML (mjml.io) to HTML, once, when a version is published."""

import re

import mrml

from angarium.rendering.limits import Limits
from angarium.rendering.placeholders import Protected, protect
from angarium.rendering.problems import TemplateProblem
from angarium.rendering.structure import find_fault

# https://documentation.mjml.io/#components; the compiler passes over a tag that it does not know without a word.
# mj-include is left out: a template reads no files.
_KNOWN = frozenset(
    "mjml mj-accordion mj-accordion-element mj-accordion-text mj-accordion-title mj-all mj-attributes mj-body "  # noqa: SIM905 - a list of words
    "mj-breakpoint mj-button mj-carousel mj-carousel-image mj-class mj-column mj-divider mj-font mj-group mj-head "
    "mj-hero mj-html-attribute mj-html-attributes mj-image mj-navbar mj-navbar-link mj-preview mj-raw mj-section "
    "mj-selector mj-social mj-social-element mj-spacer mj-style mj-table mj-text mj-title mj-wrapper".split()
)
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<(mj(?:ml|-[\w-]*))\b", re.DOTALL)


def compile_mjml(source: str, field: str, limits: Limits) -> str:
    """The HTML of `source`, its Liquid kept. Raises TemplateProblem."""
    protected = protect(source, field, limits)
    _check_tags(source, field)
    _check_structure(source, protected, field)
    try:
        compiled = mrml.to_html(protected.text).content
    except OSError as error:  # what mrml raises for a source that it cannot read
        message = str(error).removesuffix(" in root template")
        raise TemplateProblem.at(field, f"not valid MJML: {message}", source, len(source)) from error
    return protected.restored(compiled, field)


def _check_tags(source: str, field: str) -> None:
    for match in _TAG.finditer(source):
        if match.group(1) is not None and match.group(1) not in _KNOWN:
            raise TemplateProblem.at(field, f"unknown MJML tag <{match.group(1)}>", source, match.start())


def _check_structure(source: str, protected: Protected, field: str) -> None:
    fault = find_fault(protected.text, xml=True)
    if fault is not None:
        index = protected.index_in(source, fault.index)
        raise TemplateProblem.at(field, f"not valid MJML: {fault.message}", source, index)
