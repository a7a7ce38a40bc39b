"""Inlines a source's layout and partials into one self-contained Liquid source.

Runs when a version is saved, with the fragments published at that time. Later changes of a layout or partial do not
change the version.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from angarium.rendering.fragments import Fragment, Fragments
from angarium.rendering.limits import Limits
from angarium.rendering.pages import Block, Inclusion, Page, Piece, Super, read_page
from angarium.rendering.problems import TemplateProblem

MOST_DEPTH = 10
MOST_INCLUSIONS = 500
MOST_CHARACTERS = 1_000_000
_BINDS = re.compile(r"\{%-?\s*(?:assign|capture|for|tablerow|increment|decrement|cycle|scope)\b")


@dataclass(frozen=True, slots=True)
class _Frame:
    """The origin of a piece: the chain of codes that led to it, and its position in the author's source."""

    codes: tuple[str, ...]
    index: int | None
    binds: bool

    def at(self, index: int) -> int:
        return index if self.index is None else self.index


@dataclass(slots=True)
class _Blocks:
    """The contents of each block in a chain of layouts, the author's first."""

    definitions: dict[str, list[tuple[Block, _Frame]]] = field(default_factory=lambda: defaultdict(list))
    binds: bool = False

    def learn(self, pieces: Sequence[Piece], frame: _Frame) -> None:
        self.binds |= frame.binds
        for piece in pieces:
            if isinstance(piece, Block):
                self.definitions[piece.name].append((piece, frame))
                self.learn(piece.body, frame)


class Assembler:
    """Assembles the parts of one template; `used` has the version of each included fragment.

    Raises TemplateProblem at the author's tag that led to the error: an unknown template, a cycle, an exceeded limit.
    """

    def __init__(self, code: str, fragments: Fragments, limits: Limits) -> None:
        self._code = code
        self._fragments = fragments
        self._limits = limits
        self._inclusions = 0
        self.used: dict[str, int] = {}

    def assemble(self, source: str, *, part: str, name: str, locale: str) -> str:
        """Return the checked `source` as one source without layout, blocks and partials."""
        self._inclusions = 0
        return _Assembly(self, source, part=part, name=name, locale=locale).text()

    def fragment(self, code: str) -> Fragment | None:
        """Return the fragment with that code and mark it as used."""
        self._inclusions += 1
        found = self._fragments.get(code)
        if found is not None:
            self.used[code] = found.version
        return found

    @property
    def exhausted(self) -> bool:
        """Whether this part exceeds its limit."""
        return self._inclusions > MOST_INCLUSIONS

    @property
    def root(self) -> str:
        """The template's own code."""
        return self._code

    @property
    def limits(self) -> Limits:
        """The limits of one part."""
        return self._limits


class _Assembly:
    """One part being assembled."""

    def __init__(self, assembler: Assembler, source: str, *, part: str, name: str, locale: str) -> None:
        self._assembler = assembler
        self._source = source
        self._part = part
        self._name = name
        self._locale = locale
        self._room = MOST_CHARACTERS

    def text(self) -> str:
        frame = _Frame((self._assembler.root,), None, bool(_BINDS.search(self._source)))
        return self._page(self._source, frame)

    def _page(self, source: str, frame: _Frame) -> str:
        page = read_page(source, self._name, self._assembler.limits)
        blocks = _Blocks()
        blocks.learn(page.pieces, frame)
        while page.layout is not None:
            page, frame = self._layout(page, page.layout, frame)
            blocks.learn(page.pieces, frame)
        return self._pieces(page.pieces, frame, blocks, "")

    def _layout(self, page: Page, code: str, frame: _Frame) -> tuple[Page, _Frame]:
        source, inner = self._enter(code, page.layout_index, frame)
        return read_page(source, self._name, self._assembler.limits), inner

    def _enter(self, code: str, index: int, frame: _Frame) -> tuple[str, _Frame]:
        """Return a fragment's source and the frame of its pieces."""
        index = frame.at(index)
        if code in frame.codes:
            circle = " → ".join((*frame.codes[frame.codes.index(code) :], code))
            raise self._problem(f"'{code}' would contain itself: {circle}", index)
        fragment = self._assembler.fragment(code)
        if fragment is None:
            raise self._problem(f"there is no template '{code}'", index)
        source = fragment.source(self._part, self._locale)
        if source is None:
            raise self._problem(f"template '{code}' has no {self._part}", index)
        self._spend(len(source), index, frame)
        return source, _Frame((*frame.codes, code), index, frame.binds or bool(_BINDS.search(source)))

    def _spend(self, characters: int, index: int, frame: _Frame) -> None:
        self._room -= characters
        if self._room < 0 or self._assembler.exhausted:
            raise self._problem("layouts and partials make this part too large", index)
        if len(frame.codes) > MOST_DEPTH:
            raise self._problem(f"layouts and partials are nested deeper than {MOST_DEPTH}", index)

    def _pieces(self, pieces: Sequence[Piece], frame: _Frame, blocks: _Blocks, above: str) -> str:
        return "".join(self._piece(piece, frame, blocks, above) for piece in pieces)

    def _piece(self, piece: Piece, frame: _Frame, blocks: _Blocks, above: str) -> str:
        match piece:
            case Super():
                self._spend(len(above), 0, frame)
                return above
            case Inclusion():
                return self._inclusion(piece, replace(frame, binds=blocks.binds))
            case Block():
                return self._block(piece, blocks)
            case _:
                return piece

    def _block(self, block: Block, blocks: _Blocks) -> str:
        """Return the author's version of a block, which may contain the one of the layout above."""
        text = ""
        for definition, frame in reversed(blocks.definitions[block.name]):
            self._spend(len(text), definition.index, frame)
            text = self._pieces(definition.body, frame, blocks, text)
        return text

    def _inclusion(self, inclusion: Inclusion, frame: _Frame) -> str:
        source, inner = self._enter(inclusion.code, inclusion.index, frame)
        text = self._page(source, inner)
        if inclusion.bound is None and not inclusion.arguments and not (inner.binds or _BINDS.search(text)):
            return text
        names = [inclusion.arguments] if inclusion.arguments else []
        if inclusion.bound is None or not inclusion.loops:
            names += [f"{inclusion.alias}: {inclusion.bound}"] if inclusion.bound is not None else []
            return f"{{% scope {', '.join(names)} %}}{text}{{% endscope %}}"
        names += [f"{inclusion.alias}: {inclusion.alias}", "forloop: forloop"]
        scoped = f"{{% scope {', '.join(names)} %}}{text}{{% endscope %}}"
        return f"{{% for {inclusion.alias} in {inclusion.bound} %}}{scoped}{{% endfor %}}"

    def _problem(self, message: str, index: int) -> TemplateProblem:
        return TemplateProblem.at(self._name, message, self._source, index)
