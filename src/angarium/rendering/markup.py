"""Finds Liquid's tags and outputs in one pass.

The engine's lexer uses regular expressions that are quadratic when a closing brace is missing; sources that pass this
check do not trigger that.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from angarium.rendering.limits import Limits
from angarium.rendering.problems import TemplateProblem

_OPENING = re.compile(r"\{\{|\{%")
_VERBATIM = re.compile(r"\{%-?\s{0,200}(raw|doc)\s{0,200}-?%\}")
_END = {name: re.compile(rf"\{{%-?\s{{0,200}}end{name}\s{{0,200}}-?%\}}") for name in ("raw", "doc")}


@dataclass(frozen=True, slots=True)
class Markup:
    """One `{{ output }}`, `{% tag %}` or complete `{% raw %}…{% endraw %}`, from `start` up to `end`."""

    start: int
    end: int
    text: str

    @property
    def is_output(self) -> bool:
        """Whether it produces text."""
        return self.text.startswith("{{")


def find_markup(source: str, field: str, limits: Limits) -> Iterator[Markup]:
    """All markup in `source`, in order. Raises TemplateProblem for unterminated markup and exceeded limits."""
    blanks = re.compile(rf"\s{{{limits.markup_blanks + 1}}}")
    position, count = 0, 0
    while opening := _OPENING.search(source, position):
        start = opening.start()
        markup = _verbatim(source, start, field) or _plain(source, start, field)
        count += 1
        if count > limits.markups:
            message = f"a part may have at most {limits.markups} tags and outputs"
            raise TemplateProblem.at(field, message, source, start)
        if _is_plain(markup) and (len(markup.text) > limits.markup_characters or blanks.search(markup.text)):
            raise TemplateProblem.at(field, "this tag or output is too long", source, start)
        yield markup
        position = markup.end


def _is_plain(markup: Markup) -> bool:
    return _VERBATIM.match(markup.text) is None


def _plain(source: str, start: int, field: str) -> Markup:
    closing = "}}" if source.startswith("{{", start) else "%}"
    end = source.find(closing, start + 2)
    if end < 0:
        message = f"unexpected end of template, expected '{closing}'"
        raise TemplateProblem.at(field, message, source, start)
    return Markup(start, end + 2, source[start : end + 2])


def _verbatim(source: str, start: int, field: str) -> Markup | None:
    opening = _VERBATIM.match(source, start)
    if opening is None:
        return None
    name = opening.group(1)
    closing = _END[name].search(source, opening.end())
    if closing is None:
        message = f"unexpected end of template, expected 'end{name}'"
        raise TemplateProblem.at(field, message, source, start)
    return Markup(start, closing.end(), source[start : closing.end()])
