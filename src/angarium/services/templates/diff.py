"""What changed between two versions, part by part."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from difflib import unified_diff

from angarium.services.templates.model import Source, Version

Changes = dict[str, str]
MOST_LINES = 5_000
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
    """A unified diff for each part or property that differs, by its path (`content`, `translations.fr.subject`)."""
    return await asyncio.to_thread(_diff, old, new)


def _diff(old: Version, new: Version) -> Changes:
    before, after = dict(_parts(old.source)), dict(_parts(new.source))
    paths = [path for path in dict.fromkeys((*before, *after)) if before.get(path) != after.get(path)]
    names = f"version {old.version}", f"version {new.version}"
    return {path: _unified(before.get(path, ""), after.get(path, ""), names) for path in paths}


def _unified(before: str, after: str, names: tuple[str, str]) -> str:
    old, new = before.splitlines(), after.splitlines()
    if len(old) + len(new) > MOST_LINES:
        return f"--- {names[0]}\n+++ {names[1]}\n@@ too long to compare @@"
    return "\n".join(unified_diff(old, new, *names, lineterm=""))


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
