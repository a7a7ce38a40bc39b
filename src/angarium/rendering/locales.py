"""Selects the nearest available language."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from babel.core import get_global

_SCRIPT_LETTERS = 4
_LIKELY_PARTS = 3
"""Parts of a maximised tag: language, script, territory (UTS #35 §4.3, Likely Subtags)."""
_ROOT = "root"
_NORWEGIAN = {"nb": "no", "no": "nb", "nn": "no"}
"""`nb` and `no` are equivalent; templates may use either."""


def nearest_locale(known: Collection[str], wanted: str | None, default: str) -> str:
    """`pt-BR`, else `pt`, else another variety of Portuguese, else `default`. Case and `-` or `_` do not matter.

    Look-up as in RFC 4647 §3.4, extended with CLDR's language data: `zh-TW` takes `zh-Hant` before `zh`, `nb` takes
    `no`, `es-MX` takes `es-419`.
    """
    if wanted is None or wanted in known:
        return wanted or default
    return locale_chain(known, wanted, default)[0]


def locale_chain(known: Iterable[str], wanted: str | None, default: str) -> list[str]:
    """The fallbacks in `known` for `wanted`, the nearest first, `default` last."""
    names = {_normal(name): name for name in known}
    tag = _normal(wanted or "")
    found = [names[wider] for wider in dict.fromkeys(_wider(tag)) if wider in names]
    found = found or list(_related(tag, names))
    return found if default in found else [*found, default]


def language_of(tag: str) -> str:
    """The language of a tag: `de` of `de-CH`."""
    return _normal(tag).partition("-")[0]


def _wider(tag: str) -> Iterator[str]:
    """`tag` and its increasingly general forms."""
    language = language_of(tag)
    usual = _usual_script(language)
    is_usual = _script(tag) in {"", usual}
    while "-" in tag:
        yield tag
        parent = _global("parent_exceptions").get(_cldr(tag), _ROOT)
        if parent != _ROOT and "_" in parent:
            tag = _normal(parent)
            continue
        if (script := _script(tag) or usual) and tag.count("-") == 1:
            yield f"{language}-{script}"
        tag = tag.rpartition("-")[0]
    yield language
    if is_usual:
        yield f"{language}-{usual}"
    if language in _NORWEGIAN:
        yield _NORWEGIAN[language]


def _related(tag: str, names: Mapping[str, str]) -> Iterator[str]:
    """The first tag of the same language, unless it is in another script."""
    script = _script(tag)
    for name, given in names.items():
        if tag and language_of(name) == language_of(tag) and script in {"", _script(name)}:
            yield given
            return


def _script(tag: str) -> str:
    """The script of a tag or of its territory; empty if it names neither."""
    if "-" not in tag:
        return ""
    subtags = tag.split("-")
    if len(subtags[1]) == _SCRIPT_LETTERS:
        return subtags[1]
    likely = _global("likely_subtags").get(_cldr(tag), "").split("_")
    return likely[1].lower() if len(likely) == _LIKELY_PARTS else ""


def _usual_script(language: str) -> str:
    """The script of a language; CLDR does not repeat it for the territories that use it, such as `zh-CN`."""
    likely = _global("likely_subtags").get(language, "").split("_")
    return likely[1].lower() if len(likely) == _LIKELY_PARTS else ""


def _cldr(tag: str) -> str:
    """Convert `zh-hant-tw` to CLDR's form, `zh_Hant_TW`."""
    language, *rest = tag.split("-")
    return "_".join([language, *(part.title() if len(part) == _SCRIPT_LETTERS else part.upper() for part in rest)])


def _global(name: str) -> Mapping[str, str]:
    found: Mapping[str, str] = get_global(name)  # type: ignore[arg-type]  # its stub lists the names one by one
    return found


def _normal(tag: str) -> str:
    return tag.replace("_", "-").lower()
