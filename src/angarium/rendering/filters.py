"""Liquid's filters with limits on their input and output."""

import re
from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any

from liquid import Environment
from liquid.exceptions import FilterArgumentError
from liquid.filter import sequence_filter, string_filter, with_environment
from markupsafe import Markup, escape, soft_str

from angarium.rendering.dates import date_filter
from angarium.rendering.json_text import json_filter
from angarium.rendering.lenient import Filter, lenient
from angarium.rendering.limits import Limits, OverLimit, weigh
from angarium.rendering.local_formats import FILTERS

Growth = Callable[..., int]
"""Estimates the characters or items that a filter would return for its arguments."""

MOST_UNHASHABLE = 1_000
MOST_WORDS_FROM = 200_000
MOST_DATE_CHARACTERS = 100
_REMOVED_ELEMENT = re.compile(r"<(script|style)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_LIQUID = (  # noqa: SIM905 - a list of words
    "abs append at_least at_most base64_decode base64_encode base64_url_safe_decode base64_url_safe_encode capitalize "
    "ceil compact concat default divided_by downcase escape escape_once escapejs find find_index first floor has "
    "join last lstrip map minus modulo newline_to_br plus prepend reject remove remove_first remove_last "
    "replace_last reverse round rstrip safe size slice sort sort_natural split squish strip "
    "strip_newlines sum times truncate truncatewords upcase url_decode url_encode where"
).split()


def register(environment: Environment, limits: Limits) -> None:
    """Replace the environment's filters by bounded ones, and remove filters that are not listed here."""
    originals: Mapping[str, Filter] = dict(environment.filters)
    environment.filters.clear()
    for name in _LIQUID:
        environment.add_filter(name, bounded(name, originals[name], limits, _GROWTH.get(name)))
    environment.add_filter("date", bounded("date", _date, limits))
    for name, local in FILTERS.items():
        environment.add_filter(name, bounded(name, local, limits))
    environment.add_filter("json", bounded("json", json_filter, limits))
    for name, most in (("replace", -1), ("replace_first", 1)):
        environment.add_filter(name, bounded(name, _replacing(most), limits, _replaced))
    environment.add_filter("uniq", bounded("uniq", _uniq, limits))
    environment.add_filter("strip_html", bounded("strip_html", _strip_html, limits))


def bounded(name: str, original: Filter, limits: Limits, growth: Growth | None = None) -> Filter:
    """Wrap the filter `name`: it raises only OverLimit, for too large input or output.

    `growth` is checked first if computing the result would already be too expensive.
    """
    usable = lenient(name, original)

    @wraps(original)
    def filtered(value: object, *arguments: Any, **keywords: Any) -> Any:
        for given in (value, *arguments):
            weigh(given, limits)
        if growth is not None and growth(limits, value, *arguments) > limits.characters:
            raise OverLimit(f"the value is larger than {limits.characters} characters")
        made = usable(value, *arguments, **keywords)
        weigh(made, limits)
        return made

    return filtered


def _replaced(_limits: Limits, value: object, old: object = "", new: object = "", *_more: object) -> int:
    text = str(value)
    return len(text) + text.count(str(old)) * len(str(new))


def _joined(_limits: Limits, value: object, separator: object = " ", *_more: object) -> int:
    return len(value) * len(str(separator)) if isinstance(value, (list, tuple)) else 0


def _pieces(limits: Limits, value: object, separator: object = None, *_more: object) -> int:
    text, by = str(value), str(separator or "")
    count = len(text.split(None, limits.items + 1)) if by == " " else text.count(by)
    if count > limits.items:
        raise OverLimit(f"a list may have at most {limits.items} items")
    return count


def _words(_limits: Limits, value: object, *_more: object) -> int:
    if len(str(value)) > MOST_WORDS_FROM:
        raise OverLimit("the text is too long for this filter")
    return 0


_GROWTH: Mapping[str, Growth] = {
    "replace": _replaced,
    "join": _joined,
    "split": _pieces,
    "truncatewords": _words,
}


@with_environment
def _date(value: object, form: object, *, environment: Environment) -> object:
    """`date`, for values and formats of a sane length."""
    if isinstance(value, (dict, list, tuple)):
        return value
    if max(len(str(value)), len(str(form))) > MOST_DATE_CHARACTERS:
        raise FilterArgumentError("date: the date or its format is too long", token=None)
    written: str = date_filter(value, form, environment=environment)
    return written


@sequence_filter
def _uniq(sequence: list[Any], key: object = None) -> list[Any]:
    """Liquid's `uniq` in linear time; the engine's is quadratic."""
    seen: set[Any] = set()
    unhashable: list[Any] = []
    return [item for item in sequence if _is_new(_property(item, key), seen, unhashable)]


def _property(item: Any, key: object) -> Any:
    if key is None:
        return item
    return item.get(key) if isinstance(item, dict) else None


def _is_new(value: Any, seen: set[Any], unhashable: list[Any]) -> bool:
    try:
        if value in seen:
            return False
        seen.add(value)
    except TypeError:
        return _is_new_unhashable(value, unhashable)
    return True


def _is_new_unhashable(value: Any, unhashable: list[Any]) -> bool:
    if value in unhashable:
        return False
    if len(unhashable) >= MOST_UNHASHABLE:
        raise OverLimit(f"uniq takes at most {MOST_UNHASHABLE} objects")
    unhashable.append(value)
    return True


def _replacing(most: int) -> Filter:
    """Liquid's `replace`, at most `most` times. An author's replacement text is HTML, as in `append`."""

    @with_environment
    @string_filter
    def replace(value: str, seq: object, sub: object = "", *, environment: Environment) -> str:
        sought, made = soft_str(seq), soft_str(sub)
        if not environment.autoescape or isinstance(value, Markup) or not isinstance(made, Markup) or not sought:
            return value.replace(sought, made, most)
        return made.join(escape(piece) for piece in value.split(sought, most))

    return replace


@with_environment
@string_filter
def _strip_html(value: str, *, environment: Environment) -> str:
    """Liquid's `strip_html` in linear time; the engine's parser is quadratic on unclosed tags."""
    stripped = _TAG.sub("", _without_elements(value))
    return Markup(stripped) if environment.autoescape and isinstance(value, Markup) else stripped  # noqa: S704 - as safe as it came


def _without_elements(text: str) -> str:
    kept, position, lower = [], 0, text.lower()
    while opening := _REMOVED_ELEMENT.search(text, position):
        kept.append(text[position : opening.start()])
        end = lower.find(f"</{opening.group(1).lower()}", opening.end())
        if end < 0:
            return "".join(kept)
        position = end
    return "".join((*kept, text[position:]))


def bound_filter(environment: Environment, name: str) -> Filter:
    """The filter as the engine would call it, with the environment if it requires one."""
    found = environment.filters[name]
    return partial(found, environment=environment) if getattr(found, "with_environment", False) else found
