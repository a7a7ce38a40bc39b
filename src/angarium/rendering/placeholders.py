"""Protects Liquid markup from tools that parse HTML, MJML or CSS.

Each tag and output is replaced by a placeholder that is valid in its place and that parsers do not move or correct: a
word in text and attribute values, an attribute between attributes, a comment between elements (parsers move words, but
not comments, out of a table).
"""

import re
from dataclasses import dataclass

from angarium.rendering.limits import Limits
from angarium.rendering.markup import find_markup
from angarium.rendering.problems import TemplateProblem

_HTML = re.compile(
    r"<!--|-->|</?(?:style|mj-style)\b|</?(?:title|mj-title|mj-preview)\b|<[a-zA-Z/!]|[\"'>]", re.IGNORECASE
)
_STYLES = ("style", "mj-style")
_TEXTS = ("title", "mj-title", "mj-preview")
"""Text-only elements, in which a comment would become text or be lost."""


@dataclass(frozen=True, slots=True)
class Protected:
    """A source with placeholders, which can be reversed."""

    text: str
    word: str
    markups: tuple[str, ...]
    tags_in_style: bool

    def index_in(self, source: str, index: int) -> int:
        """The index in the original `source` of the text at `index`."""
        marks = re.findall(rf"(?:<!--)?{self.word}\d+z(?:-->)?", self.text[:index])
        lost = sum(len(markup) for markup in self.markups[: len(marks)]) - sum(len(mark) for mark in marks)
        return min(index + lost, len(source))

    def restored(self, text: str, field: str) -> str:
        """Restore the Liquid in `text`. Raises TemplateProblem if a placeholder was lost."""
        pattern = re.compile(rf'(?:<!--\s*)?{self.word}(\d+)z(?:\s*-->|="")?')
        seen: set[int] = set()

        def original(match: re.Match[str]) -> str:
            seen.add(int(match.group(1)))
            return self.markups[int(match.group(1))]

        restored = pattern.sub(original, text)
        for index, markup in enumerate(self.markups):
            if index not in seen:
                raise TemplateProblem(field, f"{markup[:80]} cannot stand at this place", quoted=markup)
        return restored


@dataclass(slots=True)
class _Place:
    """The scanner's position in the HTML."""

    in_tag: bool = False
    in_style: bool = False
    in_text: bool = False
    in_comment: bool = False
    quote: str = ""

    def read(self, text: str) -> None:
        for match in _HTML.finditer(text):
            self._piece(match.group().lower())

    def _piece(self, piece: str) -> None:
        if self.in_comment:
            self.in_comment = piece != "-->"
        elif self.quote:
            self.quote = "" if piece == self.quote else self.quote
        elif piece == "<!--":
            self.in_comment = True
        elif (name := piece.lstrip("</")) in _STYLES:
            self.in_style, self.in_tag = not piece.startswith("</"), True
        elif name in _TEXTS and not self.in_style:
            self.in_text, self.in_tag = not piece.startswith("</"), True
        elif piece.startswith("<") and not self.in_style:
            self.in_tag = True
        elif piece == ">":
            self.in_tag = False
        elif self.in_tag:
            self.quote = piece

    @property
    def wants_word(self) -> bool:
        return bool(self.quote) or self.in_style or self.in_text or self.in_comment or self.in_tag


def protect(source: str, field: str, limits: Limits, *, words_only: bool = False) -> Protected:
    """Replace each tag and output in `source`; with `words_only` always by words."""
    word = _unused_word(source)
    place = _Place()
    made: list[str] = []
    markups: list[str] = []
    position, tags_in_style = 0, False
    for markup in find_markup(source, field, limits):
        before = source[position : markup.start]
        place.read(before)
        mark = f"{word}{len(markups)}z"
        tags_in_style |= place.in_style and not markup.is_output
        as_word = words_only or markup.is_output or place.wants_word
        if place.in_tag and before.endswith(('"', "'")) and not place.quote:
            mark = f" {mark}"  # an attribute of its own, behind the last one
        made.extend((before, mark if as_word else f"<!--{mark}-->"))
        markups.append(markup.text)
        position = markup.end
    made.append(source[position:])
    return Protected("".join(made), word, tuple(markups), tags_in_style)


def _unused_word(source: str) -> str:
    word = "lqd"
    while word in source.lower():
        word += "q"
    return word
