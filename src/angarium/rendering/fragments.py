"""Layouts and partials: other templates of the tenant that a template includes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from angarium.rendering.locales import locale_chain

PREFIX = "_"
"""The prefix of codes that are layouts or partials only: they are checked as such and never sent."""
_REFERENCE = re.compile(r"\{%-?\s{0,200}(?:layout|extends|render)\s{1,200}(['\"])([^'\"]{1,100})\1")


@dataclass(frozen=True, slots=True)
class Fragment:
    """A template's published version for inclusion: its sources by part, and by language and part."""

    version: int
    language: str
    parts: Mapping[str, str]
    translations: Mapping[str, Mapping[str, str]]

    def source(self, part: str, locale: str) -> str | None:
        """The source of `part`, or of the main body, in the nearest available language; None if there is none."""
        languages = {self.language: self.parts, **self.translations}
        for language in locale_chain(languages, locale, self.language):
            for name in (part, "content"):
                if name in languages[language]:
                    return languages[language][name]
        return None

    def sources(self) -> Iterator[str]:
        """All its sources."""
        yield from self.parts.values()
        for parts in self.translations.values():
            yield from parts.values()


Fragments = Mapping[str, Fragment]
"""By code."""


def is_fragment(code: str) -> bool:
    """Whether a template is a layout or partial only."""
    return code.startswith(PREFIX)


def references(sources: Iterable[str]) -> tuple[str, ...]:
    """The codes referenced in `sources`, including comments, in the order of their first use."""
    return tuple(dict.fromkeys(match.group(2) for source in sources for match in _REFERENCE.finditer(source)))
