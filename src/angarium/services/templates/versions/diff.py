"""Differences between two versions, part by part."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff

from angarium.services.templates.drafting.model import Source
from angarium.services.templates.library.model import Version

Changes = dict[str, str]
MOST_LINES = 5_000
"""Limit of one part, in both versions together."""
MOST_LINES_IN_ALL = 20_000
"""Limit of all differing parts: comparing 5,000 lines takes up to a quarter of a second."""
_TOO_LONG = ("--- {}", "+++ {}", "@@ too long to compare @@")
_PROPERTIES = (
    "name",
    "description",
    "channel",
    "language",
    "category",
    "delivery_policy",
    "retry_delays",
    "defaults",
    "includes",
)


async def diff_versions(old: Version, new: Version) -> Changes:
    """A unified diff of each differing part or property, by path (`content`, `translations.fr.subject`)."""
    return await asyncio.to_thread(_diff, old, new)


def _diff(old: Version, new: Version) -> Changes:
    before, after = dict(_parts(old.source)), dict(_parts(new.source))
    paths = [path for path in dict.fromkeys((*before, *after)) if before.get(path) != after.get(path)]
    names = f"version {old.version}", f"version {new.version}"
    changes, room = {}, MOST_LINES_IN_ALL
    for path in paths:
        lines = before.get(path, "").splitlines(), after.get(path, "").splitlines()
        count = sum(map(len, lines))
        fits = count <= min(MOST_LINES, room)
        room -= count if fits else 0
        changes[path] = (
            _unified(*lines, names) if fits else f"--- {names[0]}\n+++ {names[1]}\n@@ too long to compare @@"
        )
    return changes


def _unified(before: Sequence[str], after: Sequence[str], names: tuple[str, str]) -> str:
    return "\n".join(unified_diff(before, after, *names, lineterm=""))


def _parts(source: Source) -> Iterator[tuple[str, str]]:
    yield from _named("", source.parts)
    for name in _PROPERTIES:
        value = getattr(source, name)
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)
    for locale, parts in source.translations.items():
        yield from _named(f"translations.{locale}.", parts)


def _named(prefix: str, parts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in parts.items():
        yield f"{prefix}{name}", text
