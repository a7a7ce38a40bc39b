"""Which of the languages at hand is nearest to the one that is wanted."""

from collections.abc import Iterable


def nearest_locale(known: Iterable[str], wanted: str | None, default: str) -> str:
    """`pt-BR`, else `pt`, else `default` (RFC 4647 §3.4, look-up); in any case, with `-` or `_`."""
    return locale_chain(known, wanted, default)[0]


def locale_chain(known: Iterable[str], wanted: str | None, default: str) -> list[str]:
    """Those of `known` that may stand in for `wanted`, the nearest first, `default` last."""
    names = {_normal(name): name for name in known}
    found: list[str] = []
    tag = _normal(wanted or "")
    while tag:
        if tag in names:
            found.append(names[tag])
        tag = tag.rpartition("-")[0]
    return found if default in found else [*found, default]


def _normal(tag: str) -> str:
    return tag.replace("_", "-").lower()
