"""Which of the languages at hand is nearest to the one that is wanted."""

from collections.abc import Iterable


def nearest_locale(known: Iterable[str], wanted: str | None, default: str) -> str:
    """`pt-BR`, else `pt`, else `default` (RFC 4647 §3.4, look-up); in any case, with `-` or `_`."""
    names = {_normal(name): name for name in known}
    tag = _normal(wanted or "")
    while tag:
        if tag in names:
            return names[tag]
        tag = tag.rpartition("-")[0]
    return default


def _normal(tag: str) -> str:
    return tag.replace("_", "-").lower()
