"""Generates a mail's plain text from its HTML once, when a version is saved, keeping its Liquid."""

import re
from typing import Any

from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml.etree import ParserError
from lxml.html import document_fromstring

from angarium.rendering.limits import Limits
from angarium.rendering.placeholders import Protected, protect

_CELL_END = re.compile(r"</t[dh]\s*>", re.IGNORECASE)
_TABLE_PART = re.compile(r"<(/?)(?:(table|tbody|thead|tfoot|tr)|t[dh])\b([^<>]*)>", re.IGNORECASE)
_HTML_ONLY_FILTER = re.compile(r"\s{0,20}\|\s{0,20}(?:newline_to_br|escape_once|escape)(?=\s{0,20}(?:\||-?[%}]\}))")
_SAFE_FILTER = re.compile(r"\|\s{0,20}safe(?=\s{0,20}(?:\||-?[%}]\}))")
_TWICE = re.compile(r"\[([^\[\]\n]{1,2000})\]\(\1\)")  # a link that shows its address
_MAKES_TEXT = re.compile(r"\{\{|\{%-?\s{0,20}(?:assign|echo)\b")
"""Markup whose literals are shown. Literals in conditions are not."""
_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_BREAK = re.compile(r"<br\b[^<>]*>", re.IGNORECASE)
_ELEMENT = re.compile(r"</?[a-zA-Z][^<>]*>")
_COUNTER = "list_number_"
_SHOWN_ATTRIBUTES = ("href", "title", "alt")
_BLOCKS = frozenset(
    "button caption center dd details dialog dt fieldset form legend menu optgroup option section summary "  # noqa: SIM905 - a list of words
    "textarea".split()
)
"""Elements that browsers show on lines of their own, and the text writer does not."""
_NOT_SHOWN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.IGNORECASE)
_LIKE_LIQUID = re.compile(r"\{(?=[{%]|lqd)")  # also before a placeholder


def make_text(html: str, field: str, limits: Limits) -> str:
    """Convert `html` to plain text, keeping its Liquid, with links after their text."""
    protected = protect(html, field, limits, words_only=True)
    tree = _parsed(_without_tables(protected.text).strip())
    if tree is None:
        return ""
    draft = _Draft(protected)
    draft.prepare(tree)
    text = Inscriptis(tree, ParserConfig(css=CSS_PROFILES["strict"], display_links=True)).get_text()
    lines = (line.strip() for line in text.strip().splitlines())
    return _TWICE.sub(r"\1", draft.restored("\n".join(lines)))


def _parsed(html: str) -> Any:
    """The document as a tree; None if it is empty."""
    if not html:
        return None
    try:
        return document_fromstring(html)
    except ParserError:  # comments alone
        return None


def _without_tables(html: str) -> str:
    """Replace table rows by lines, since a parser would move content between rows, such as a loop's tags."""
    spaced = _CELL_END.sub(r" &nbsp;\g<0>", html)
    return _TABLE_PART.sub(lambda m: f"<{m.group(1)}{'div' if m.group(2) else 'span'}>", spaced)


class _Draft:
    """A document during conversion, with its Liquid."""

    def __init__(self, protected: Protected) -> None:
        self._word = protected.word
        self._markups = [_as_text(markup) for markup in protected.markups]
        self._mark = re.compile(rf"{protected.word}(\d+)z")
        self._lists = 0
        while any(f"{_COUNTER}{self._lists}" in markup for markup in protected.markups):
            self._lists += 1

    def prepare(self, tree: Any) -> None:
        """Replace elements that the text writer would drop or convert wrongly."""
        for element in list(tree.iter()):
            if _is_hidden(element):
                self._hide(element)
            elif element.tag in _BLOCKS:
                element.tag = "div"
        for image in tree.iter("img"):
            image.tag, image.text = "span", _settable(image.get("alt"))
        for link in tree.iter("a"):
            if link.get("href") and not link.text_content().strip():
                link.text, link.tail = _settable(link.get("href")), _settable(f" {link.tail or ''}")
        for numbered in list(tree.iter("ol")):
            self._number(numbered)
        for element in tree.iter():
            _escape(element)

    def restored(self, text: str) -> str:
        """Restore the Liquid. Lines with only tags, and blank lines after them, are removed."""
        tags = "|".join(str(i) for i, markup in enumerate(self._markups) if not markup.startswith("{{"))
        if tags:
            text = re.sub(rf"(?m)^[ \t]*((?:{self._word}(?:{tags})z[ \t]*)+)(?:\n+|\Z)", r"\1", text)
        return self._mark.sub(lambda match: self._markups[int(match.group(1))], text)

    def _number(self, numbered: Any) -> None:
        """Number the items of a list, or count them while rendering if tags determine the items."""
        items = list(numbered.iterchildren("li"))
        counted = self._holds_tags(numbered)
        step = -1 if "reversed" in numbered.attrib and not counted else 1
        first = _number(numbered.get("start"), 1 if step == 1 else len(items))
        count = self._counter(numbered, first) if counted else None
        numbered.tag = "div"
        number = first
        for item in items:
            item.tag = "div"
            number = _number(item.get("value"), number)
            shown = str(number) if count is None else self._marked(*count)
            item.text = _settable(f"{shown}. {(item.text or '').lstrip()}")
            number += step

    def _counter(self, numbered: Any, first: int) -> tuple[str, str]:
        """Initialise a counter before the list's first item; return the markup that increments and shows it."""
        counter = f"{_COUNTER}{self._lists}"
        self._lists += 1
        begin = self._marked(f"{{% assign {counter} = {first - 1} %}}")
        numbered.text = _settable(begin + (numbered.text or ""))
        return f"{{% assign {counter} = {counter} | plus: 1 %}}", f"{{{{ {counter} }}}}"

    def _holds_tags(self, element: Any) -> bool:
        return bool(self._tags(element))

    def _tags(self, element: Any) -> list[str]:
        """The placeholders of tags in an element."""
        found = self._mark.finditer(element.text_content())
        return [mark.group() for mark in found if not self._markups[int(mark.group(1))].startswith("{{")]

    def _hide(self, element: Any) -> None:
        """Empty a hidden element but for its tags, which others may need, keeping the text that follows it."""
        element.text = "".join(self._tags(element))
        for child in list(element):
            element.remove(child)
        element.tag = "span"
        element.attrib.clear()

    def _marked(self, *markups: str) -> str:
        begin = len(self._markups)
        self._markups.extend(markups)
        return "".join(f"{self._word}{index}z" for index in range(begin, len(self._markups)))


def _number(given: str | None, otherwise: int) -> int:
    """The number in the attribute of a list; `otherwise` if there is none."""
    return int(given) if given is not None and re.fullmatch(r"-?\d{1,9}", given) else otherwise


def _is_hidden(element: Any) -> bool:
    return isinstance(element.tag, str) and (
        element.tag == "template"
        or "hidden" in element.attrib
        or _NOT_SHOWN.search(element.get("style", "")) is not None
    )


def _escape(element: Any) -> None:
    """Escape what would be read a second time: every `&` by the text writer, literal braces by the renderer."""
    if isinstance(element.tag, str):
        element.text = _literal(element.text)
        for name in _SHOWN_ATTRIBUTES:
            if name in element.attrib:
                element.set(name, _literal(element.get(name)))
    element.tail = _literal(element.tail)


def _literal(text: str | None) -> str | None:
    return _settable(text and _LIKE_LIQUID.sub("{{ '{' }}", text.replace("&", "&amp;")))


def _settable(text: str | None) -> str | None:
    """Remove characters that the tree cannot store: those not allowed in XML (XML 1.0 §2.2)."""
    return text and _NOT_XML.sub("", text)


def _as_text(markup: str) -> str:
    if _MAKES_TEXT.match(markup) is None:
        return markup
    plain = _SAFE_FILTER.sub("| strip_html", _HTML_ONLY_FILTER.sub("", markup))
    return _LITERAL.sub(lambda literal: _ELEMENT.sub("", _LINE_BREAK.sub("\n", literal.group())), plain)
