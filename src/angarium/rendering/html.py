"""What is done to a mail's HTML once, when a version is published: CSS inlined, a text part made."""

import re

import css_inline
import inscriptis
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

from angarium.rendering.limits import Limits
from angarium.rendering.placeholders import Protected, protect
from angarium.rendering.problems import TemplateProblem
from angarium.rendering.structure import find_fault

_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_CELL_END = re.compile(r"</t[dh]\s*>", re.IGNORECASE)
_TABLE_PART = re.compile(r"<(/?)(?:(table|tbody|thead|tfoot|tr)|t[dh])\b([^<>]*)>", re.IGNORECASE)
_HTML_ONLY_FILTER = re.compile(r"\s{0,20}\|\s{0,20}(?:newline_to_br|escape_once|escape)(?=\s{0,20}(?:\||-?\}\}))")
_TWICE = re.compile(r"\[([^\[\]\n]{1,2000})\]\(\1\)")  # a link that shows its address
_SAFE_FILTER = re.compile(r"\|\s{0,20}safe(?=\s{0,20}(?:\||-?\}\}))")


def inline_css(html: str, field: str, limits: Limits, *, keep_styles: bool = False) -> str:
    """`html` with the rules of its style elements put on the elements; media queries stay where they are.

    What has no style element, or elements that are not closed in order, stays as it is. Reads neither files nor
    addresses. Raises TemplateProblem.
    """
    if _STYLE.search(html) is None:
        return html
    protected = protect(html, field, limits)
    if protected.tags_in_style or find_fault(protected.text) is not None:
        return html
    inliner = css_inline.CSSInliner(
        load_remote_stylesheets=False, keep_link_tags=True, keep_at_rules=True, keep_style_tags=keep_styles
    )
    try:
        inlined = inliner.inline(protected.text)
    except (css_inline.InlineError, ValueError) as error:
        raise TemplateProblem(field, f"the CSS cannot be inlined: {error}") from error
    return protected.restored(_with_rows_in_bodies(inlined, protected), field)


def _with_rows_in_bodies(html: str, protected: Protected) -> str:
    """The parser puts rows into a `tbody` that it opens after a loop's tag; it must open before, once for all rows."""
    added = re.compile(rf"((?:<!--{protected.word}\d+z-->\s*)+)<tbody>")
    given = re.compile(rf"{protected.word}\d+z-->\s*<tbody", re.IGNORECASE)
    own = {match.group().partition("-")[0] for match in given.finditer(protected.text)}

    def moved(match: re.Match[str]) -> str:
        last = re.findall(rf"{protected.word}\d+z", match.group(1))[-1]
        return match.group() if last in own else f"<tbody>{match.group(1)}"

    return added.sub(moved, html)


def make_text(html: str, field: str, limits: Limits) -> str:
    """The plain text of `html`, its Liquid kept, links behind their words."""
    protected = protect(html, field, limits, words_only=True)
    config = ParserConfig(css=CSS_PROFILES["strict"], display_links=True)
    text = inscriptis.get_text(_without_tables(protected.text), config)
    lines = (line.strip() for line in text.strip().splitlines())
    return _TWICE.sub(r"\1", _restored_text(protected, "\n".join(lines)))


def _without_tables(html: str) -> str:
    """Rows as lines: a parser of tables would move what stands between their rows, such as a loop's tags."""
    spaced = _CELL_END.sub(r" &nbsp;\g<0>", html)
    return _TABLE_PART.sub(lambda m: f"<{m.group(1)}{'div' if m.group(2) else 'span'}>", spaced)


def _restored_text(protected: Protected, text: str) -> str:
    """Liquid back in the text; a line of nothing but tags takes no line of its own."""
    tags = "|".join(str(i) for i, markup in enumerate(protected.markups) if not markup.startswith("{{"))
    if tags:
        text = re.sub(rf"(?m)^[ \t]*((?:{protected.word}(?:{tags})z[ \t]*)+)(?:\n|\Z)", r"\1", text)
    found = re.compile(rf"{protected.word}(\d+)z")
    return found.sub(lambda match: _as_text(protected.markups[int(match.group(1))]), text)


def _as_text(markup: str) -> str:
    if not markup.startswith("{{"):
        return markup
    return _SAFE_FILTER.sub("| strip_html", _HTML_ONLY_FILTER.sub("", markup))
