"""Parses a source into its layout, blocks and partials; everything else is text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from angarium.rendering.limits import Limits
from angarium.rendering.markup import Markup, find_markup
from angarium.rendering.problems import TemplateProblem

_TAG = re.compile(r"\{%(-?)\s*([a-z]+)\b(.*?)(-?)%\}", re.DOTALL)
_SUPER = re.compile(r"\{\{-?\s*block\.super\s*-?\}\}")
_CODE = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)')""")
_BINDING = re.compile(r"\s*(with|for)\s+(.+?)(?:\s+as\s+([\w-]+))?\s*(?=,|$|\s[\w-]+\s*:)", re.DOTALL)
_OWN = frozenset(("layout", "extends", "block", "endblock", "render"))
BODY = "content"
"""The block filled by the body of a template with a layout but without blocks."""


@dataclass(frozen=True, slots=True)
class Super:
    """`{{ block.super }}`: the block's content in the layout."""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """One `{% render %}` at `index` of its source."""

    code: str
    index: int
    arguments: str
    bound: str | None
    alias: str | None
    loops: bool


@dataclass(slots=True)
class Block:
    """One `{% block %}` at `index` of its source."""

    name: str
    index: int
    body: "list[Piece]" = field(default_factory=list)


Piece = str | Super | Inclusion | Block


@dataclass(slots=True)
class Page:
    """A parsed source. With a layout, only whitespace and comments may be outside of its blocks."""

    layout: str | None = None
    layout_index: int = 0
    pieces: list[Piece] = field(default_factory=list)


def read_page(source: str, name: str, limits: Limits) -> Page:
    """Parse a source whose tags are already validated. Raises TemplateProblem with the part `name`."""
    return _Reader(source, name, limits).read()


class _Reader:
    def __init__(self, source: str, name: str, limits: Limits) -> None:
        self._source = source
        self._name = name
        self._limits = limits
        self._page = Page()
        self._open: list[Block] = []
        self._names: set[str] = set()

    def read(self) -> Page:
        position, strip = 0, False
        for markup in self._uncommented():
            tag = _TAG.fullmatch(markup.text)
            own = tag is not None and tag.group(2) in _OWN
            if not own and _SUPER.fullmatch(markup.text) is None:
                continue
            self._text(self._source[position : markup.start], after=strip, before=markup.text.startswith("{%-"))
            position, strip = markup.end, markup.text.endswith("-%}")
            if tag is None:
                self._pieces.append(Super())
            else:
                self._tag(tag.group(2), tag.group(3), markup.start)
        self._text(self._source[position:], after=strip, before=False)
        return self._filled()

    @property
    def _pieces(self) -> list[Piece]:
        return self._open[-1].body if self._open else self._page.pieces

    def _uncommented(self) -> Iterator[Markup]:
        commented = False
        for markup in find_markup(self._source, self._name, self._limits):
            tag = _TAG.fullmatch(markup.text)
            name = tag.group(2) if tag is not None else ""
            if commented:
                commented = name != "endcomment"
            elif name == "comment":
                commented = True
            else:
                yield markup

    def _text(self, text: str, *, after: bool, before: bool) -> None:
        text = text.lstrip() if after else text
        text = text.rstrip() if before else text
        if text:
            self._pieces.append(text)

    def _tag(self, name: str, rest: str, index: int) -> None:
        if name == "block":
            block = Block(rest.strip().strip("'\""), index)
            if block.name in self._names:
                raise self._problem(f"there is a block '{block.name}' already", index)
            self._names.add(block.name)
            self._pieces.append(block)
            self._open.append(block)
        elif name == "endblock":
            self._open.pop()
        elif name == "render":
            self._pieces.append(self._inclusion(rest, index))
        else:
            self._layout(rest, index)

    def _layout(self, rest: str, index: int) -> None:
        before = (piece for piece in self._page.pieces if not isinstance(piece, str) or piece.strip())
        if self._page.layout is not None or self._open or any(before):
            raise self._problem("a layout is named once, before everything else", index)
        self._page.layout, self._page.layout_index = _code(rest)[0], index

    def _inclusion(self, rest: str, index: int) -> Inclusion:
        code, rest = _code(rest)
        binding = _BINDING.match(rest)
        arguments = rest[binding.end() :] if binding is not None else rest
        alias = None
        if binding is not None:
            alias = binding.group(3) or code.lstrip("_").partition(".")[0]
            if not re.fullmatch(r"[A-Za-z_][\w-]*", alias):
                raise self._problem(f"'{code}' is no name for a variable: add `as name`", index)
        return Inclusion(
            code=code,
            index=index,
            arguments=arguments.strip().strip(",").strip(),
            bound=binding.group(2) if binding is not None else None,
            alias=alias,
            loops=binding is not None and binding.group(1) == "for",
        )

    def _filled(self) -> Page:
        """The page; with a layout and without blocks, its body becomes the block `content`."""
        page = self._page
        if page.layout is None:
            return page
        if not self._names:
            page.pieces = [Block(BODY, 0, page.pieces)]
            return page
        for piece in page.pieces:
            if not isinstance(piece, Block) and (not isinstance(piece, str) or self._is_text(piece)):
                message = "beside a layout only blocks can stand: this would be lost"
                raise self._problem(message, piece.index if isinstance(piece, Inclusion) else page.layout_index)
        return page

    def _is_text(self, piece: str) -> bool:
        uncommented = re.sub(
            r"\{%-?\s*comment\b.*?endcomment\s*-?%\}|<!--.*?-->|\{%-?\s*#.*?%\}", "", piece, flags=re.DOTALL
        )
        return bool(uncommented.strip())

    def _problem(self, message: str, index: int) -> TemplateProblem:
        return TemplateProblem.at(self._name, message, self._source, index)


def _code(rest: str) -> tuple[str, str]:
    named = _CODE.match(rest)
    if named is None:
        return "", rest  # a validated tag names one
    return named.group(1) or named.group(2) or "", rest[named.end() :]
