"""Inlines CSS into a mail's HTML once, when a version is saved."""

import re

import css_inline

from angarium.rendering.limits import Limits
from angarium.rendering.placeholders import Protected, protect
from angarium.rendering.problems import TemplateProblem
from angarium.rendering.structure import find_fault

_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_STYLE_TEXT = re.compile(r"(<style\b(?![^>]*data-css-inline)[^>]*>)(.*?)(</style\s*>)", re.IGNORECASE | re.DOTALL)
_NOT_INLINED = '<style data-css-inline="ignore">'
_CSS_PIECE = re.compile(r"/\*.*?\*/|\"[^\"\n]*\"|'[^'\n]*'|[{};]", re.DOTALL)
_BY_NEIGHBOURS = re.compile(r":(?:nth|first|last|only)-|:empty|[+~]", re.IGNORECASE)
"""Selectors that depend on neighbouring elements."""
_REVEALED = re.compile(r"<!\[(?:if\b[^\]<>]*|endif)\]>", re.IGNORECASE)
"""Outlook conditions whose content other clients show. An HTML parser turns them into comments."""


def inline_css(html: str, field: str, limits: Limits) -> str:
    """Inline the rules of `html`'s style elements. The style elements are kept.

    They are needed for rules that cannot be inlined (`@media`, `:hover`, client hacks), and for classes and addresses
    that are variables. If tags determine which elements exist, rules that depend on neighbours (`:nth-child`, `+`) are
    not inlined. HTML without a style element, or far from well-formed, is not changed; with Liquid tags every element
    must be closed in order. Reads neither files nor URLs. Raises TemplateProblem.
    """
    if _STYLE.search(html) is None:
        return html
    protected = protect(html, field, limits)
    tags = any(not markup.startswith("{{") for markup in protected.markups)
    if protected.tags_in_style or find_fault(protected.text, lenient=not tags) is not None:
        return html
    text, conditions = _without_conditions(protected.text, protected.word)
    if tags:
        text = _STYLE_TEXT.sub(_parted, text)
    inliner = css_inline.CSSInliner(
        load_remote_stylesheets=False, keep_link_tags=True, keep_at_rules=True, keep_style_tags=True
    )
    try:
        inlined = inliner.inline(text)
    except (css_inline.InlineError, ValueError) as error:
        raise TemplateProblem(field, f"the CSS cannot be inlined: {error}") from error
    restored = protected.restored(_with_rows_in_bodies(inlined, protected), field)
    for mark, condition in conditions.items():
        restored = restored.replace(mark, condition)
    return restored.replace(_NOT_INLINED, "<style>")


def _without_conditions(text: str, word: str) -> tuple[str, dict[str, str]]:
    """Replace each revealed condition by a comment; also return the originals."""
    conditions: dict[str, str] = {}

    def mark(match: re.Match[str]) -> str:
        made = f"<!--{word}c{len(conditions)}c-->"
        conditions[made] = match.group()
        return made

    return _REVEALED.sub(mark, text), conditions


def _parted(style: re.Match[str]) -> str:
    """Split off a second style element with the rules that are not inlined."""
    inlined, kept, start, depth = "", "", 0, 0
    css = style.group(2)
    selector_end = 0
    for piece in _CSS_PIECE.finditer(css):
        match piece.group():
            case "{":
                selector_end = selector_end if depth else piece.start()
                depth += 1
                continue
            case "}" if depth > 0:
                depth -= 1
            case ";":
                selector_end = piece.start()
            case _:
                continue
        if depth == 0:
            rule = css[start : piece.end()]
            selector = css[start:selector_end]
            by_neighbours = "@" not in selector and _BY_NEIGHBOURS.search(selector) is not None
            inlined, kept = (inlined, kept + rule) if by_neighbours else (inlined + rule, kept)
            start = piece.end()
    whole = f"{style.group(1)}{inlined}{css[start:]}{style.group(3)}"
    return f"{whole}{_NOT_INLINED}{kept}</style>" if kept else whole


def _with_rows_in_bodies(html: str, protected: Protected) -> str:
    """Open `tbody` before a loop's tag: the parser would open it inside of the loop, once per row."""
    added = re.compile(rf"((?:<!--{protected.word}\d+z-->\s*)+)<tbody>")
    given = re.compile(rf"{protected.word}\d+z-->\s*<tbody", re.IGNORECASE)
    own = {match.group().partition("-")[0] for match in given.finditer(protected.text)}

    def moved(match: re.Match[str]) -> str:
        last = re.findall(rf"{protected.word}\d+z", match.group(1))[-1]
        return match.group() if last in own else f"<tbody>{match.group(1)}"

    return added.sub(moved, html)
