"""Carries Liquid through tools that read HTML, MJML or CSS and know nothing of it.

Every tag and output is replaced by what its place allows and no parser moves or corrects: a word for text and attribute
values, an attribute of its own between attributes, a comment between elements (a parser moves words, but no comments,
out of a table).
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
"""Elements that hold text only, where a comment would be text or be lost."""


@dataclass(frozen=True, slots=True)
class Protected:
    """A source without Liquid, and how to bring it back."""

    text: str
    word: str
    markups: tuple[str, ...]
    tags_in_style: bool

    def index_in(self, source: str, index: int) -> int:
        """Where in `source`, from which this was made, stands what is at `index` of the text."""
        marks = re.findall(rf"(?:<!--)?{self.word}\d+z(?:-->)?", self.text[:index])
        lost = sum(len(markup) for markup in self.markups[: len(marks)]) - sum(len(mark) for mark in marks)
        return min(index + lost, len(source))

    def restored(self, text: str, field: str) -> str:
        """`text` with its Liquid back. Raises TemplateProblem when some of it was lost on the way."""
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
    """Where in the HTML the scan is."""

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
    """`source` with each tag and output replaced; with `words_only` all by words."""
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
