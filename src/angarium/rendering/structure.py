"""Checks that elements are closed in order and not nested too deeply.

Runs before native parsers: deep nesting overflows their stack and crashes the process, and for unclosed tags
(`<b><p><b><p>…`) the HTML standard requires quadratic copying
(https://html.spec.whatwg.org/multipage/parsing.html#reconstruct-the-active-formatting-elements).
"""

import re
from dataclasses import dataclass, field

MOST_DEPTH = 200
MOST_REPAIRED = 20
"""Elements that a lenient check lets a parser close or drop; few, since each may be copied often."""

_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905 - a list of words
)
_END_OPTIONAL = frozenset("p li dt dd tr td th tbody thead tfoot html head body".split())  # noqa: SIM905 - a list of words
_RAW_TEXT = frozenset(("style", "script", "title", "textarea"))
_NEVER = frozenset(
    "svg math plaintext xmp iframe noembed noframes noscript template select frameset".split()  # noqa: SIM905 - a list of words
)
"""Elements with different parsing rules inside."""
_USUAL = frozenset(("svg", "noscript"))
"""The elements of these that a lenient check accepts."""
_START = re.compile(r"<(?=[a-zA-Z/!?])")
_COMMENT = re.compile(r"<!--(?:-?>|.*?--!?>)", re.DOTALL)
_OTHER = re.compile(r"<[!?](?!--|\[CDATA)[^>]*>")
_ATTRIBUTE = r"(?:\s+|(?<=[\"']))[^\s\"'<>/=]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>=`]+))?"
_TAG = re.compile(rf"<(/?)([a-zA-Z][^\s\"'<>/=]*)(?:{_ATTRIBUTE})*\s*(/?)>")


@dataclass(frozen=True, slots=True)
class Fault:
    """An element out of order at `index`."""

    message: str
    index: int


@dataclass(slots=True)
class _Reader:
    source: str
    xml: bool
    lenient: bool
    repaired: int = 0
    opened: list[tuple[str, int]] = field(default_factory=list)
    position: int = 0

    def read(self) -> Fault | None:
        while start := _START.search(self.source, self.position):
            fault = self._piece(start.start())
            if fault is not None:
                return fault
        left = [(name, index) for name, index in self.opened if not self._may_stay_open(name)]
        if not left or self._repairs(len(left)):
            return None
        return Fault(f"<{left[-1][0]}> is not closed", left[-1][1])

    def _piece(self, index: int) -> Fault | None:
        skipped = _COMMENT.match(self.source, index) or _OTHER.match(self.source, index)
        if skipped is not None:
            self.position = skipped.end()
            return None
        tag = _TAG.match(self.source, index)
        if tag is None:
            return Fault("this tag cannot be read", index)
        self.position = tag.end()
        return self._tag(tag, index)

    def _tag(self, tag: re.Match[str], index: int) -> Fault | None:
        closing, name, closed = tag.group(1), tag.group(2).lower(), bool(tag.group(3))
        if name in _NEVER and not (self.lenient and name in _USUAL):
            return Fault(f"<{name}> cannot stand here", index)
        if closing:
            return self._close(name, index)
        if (name in _VOID and not self._in_svg()) or (closed and (self.xml or self._in_svg())):
            return None
        return self._open(name, index)

    def _open(self, name: str, index: int) -> Fault | None:
        if self.opened and self.opened[-1][0] == name and self._may_stay_open(name) and not self._in_svg():
            self.opened.pop()
        self.opened.append((name, index))
        if len(self.opened) > MOST_DEPTH:
            return Fault(f"elements are nested deeper than {MOST_DEPTH}", index)
        if name in _RAW_TEXT:
            end = self.source.lower().find(f"</{name}", self.position)
            if end < 0:
                return Fault(f"<{name}> is not closed", index)
            self.position = end
        return None

    def _close(self, name: str, index: int) -> Fault | None:
        if self.lenient:
            return self._close_leniently(name, index)
        while self.opened:
            last = self.opened.pop()[0]
            if last == name:
                return None
            if not self._may_stay_open(last):
                return Fault(f"unexpected </{name}>, <{last}> is open", index)
        return Fault(f"unexpected </{name}>", index)

    def _close_leniently(self, name: str, index: int) -> Fault | None:
        """Close as browsers do: an unmatched end tag is ignored, and open elements inside are closed too."""
        if all(opened != name for opened, _ in self.opened):
            return None if self._repairs(1) else Fault(f"unexpected </{name}>", index)
        while (last := self.opened.pop()[0]) != name:
            if not self._may_stay_open(last) and not self._repairs(1):
                return Fault(f"unexpected </{name}>, <{last}> is open", index)
        return None

    def _repairs(self, count: int) -> bool:
        self.repaired += count
        return self.lenient and self.repaired <= MOST_REPAIRED

    def _in_svg(self) -> bool:
        """Whether XML rules apply here: no void elements, and no implied end tags."""
        return any(opened == "svg" for opened, _ in self.opened)

    def _may_stay_open(self, name: str) -> bool:
        return not self.xml and name in _END_OPTIONAL


def find_fault(source: str, *, xml: bool = False, lenient: bool = False) -> Fault | None:
    """The first error in `source`; None if it is safe for parsers. In XML (MJML) every element must be closed.

    A `lenient` check of HTML ignores some errors that parsers repair as browsers do.
    """
    return _Reader(source, xml, lenient).read()
