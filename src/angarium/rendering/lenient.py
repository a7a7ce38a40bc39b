"""Filters that do not abort a rendering because of the type of a value.

Liquid's reference implementation marks the place of an error in the text and renders the rest. A recipient should see
neither that nor nothing: a filter that cannot use its value returns it unchanged, as `date` does.
"""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from types import MappingProxyType
from typing import Any

from liquid.exceptions import FilterArgumentError, FilterError, FilterItemTypeError, FilterValueError
from liquid.filter import flatten
from liquid.stringify import to_liquid_string
from liquid.undefined import is_undefined

from angarium.rendering.readable import readable

Filter = Callable[..., Any]

OF_LISTS = frozenset("compact concat join map reject reverse sort sort_natural sum uniq where".split())  # noqa: SIM905 - a list of words
_OF_NUMBERS = frozenset(
    "abs at_least at_most ceil divided_by floor minus modulo plus round times".split()  # noqa: SIM905 - a list of words
)
_OF_TEXT = frozenset(
    "append base64_decode base64_encode base64_url_safe_decode base64_url_safe_encode capitalize downcase escape "  # noqa: SIM905 - a list of words
    "escape_once escapejs lstrip newline_to_br prepend remove remove_first remove_last replace replace_first "
    "replace_last rstrip safe split squish strip strip_html strip_newlines truncate truncatewords upcase url_decode "
    "url_encode".split()
)
_TEXT_ARGUMENTS = frozenset(
    "append prepend remove remove_first remove_last replace replace_first replace_last".split()  # noqa: SIM905 - a list of words
)
_WITHOUT_RESULT: Mapping[str, object] = MappingProxyType(
    {"divided_by": "", "modulo": "", "find": "", "find_index": "", "has": False}
)
"""Results instead of the value itself, which would be wrong: a total is not a quotient."""
_UNUSABLE = (
    FilterArgumentError,
    FilterError,
    FilterItemTypeError,
    FilterValueError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


def lenient(name: str, original: Filter) -> Filter:
    """Wrap the filter `name`: it raises only for exceeded limits. The result for null is empty."""

    def filtered(value: object, *arguments: Any, **keywords: Any) -> Any:
        try:
            usable, given = _usable(name, value, arguments)
            made = original(usable, *given, **keywords)
        except _UNUSABLE:
            return "" if value is None else _WITHOUT_RESULT.get(name, value)
        if isinstance(made, float) and not isfinite(made):
            return _WITHOUT_RESULT.get(name, value)
        return made

    return filtered


def _usable(name: str, value: object, arguments: tuple[Any, ...]) -> tuple[object, tuple[Any, ...]]:
    """The value and arguments as the engine's filter `name` expects them."""
    if name in OF_LISTS and value is None:
        return [], arguments  # the engine treats null as a list of one
    if name in _OF_TEXT:
        rest = tuple(_text(argument) for argument in arguments) if name in _TEXT_ARGUMENTS else arguments
        return _text(value), rest
    if name in _OF_NUMBERS:
        return _number(value), tuple(_number(argument) for argument in arguments)
    if name == "slice":
        return value if isinstance(value, (list, tuple)) else _text(value), arguments
    return _usable_list(name, value, arguments)


def _usable_list(name: str, value: object, arguments: tuple[Any, ...]) -> tuple[object, tuple[Any, ...]]:
    if is_undefined(value):
        return value, arguments
    by_property = bool(arguments) and arguments[0] is not None and not is_undefined(arguments[0])
    match name:
        case "join":
            return [_text(item) for item in _items(value)], arguments
        case "sum" if by_property:
            objects = (item for item in _items(value) if isinstance(item, dict))
            return [_addend(item.get(arguments[0])) for item in objects], ()
        case "sum":
            return [_addend(item) for item in _items(value)], ()
        case "find" | "has" | "map" | "where" if by_property:
            return [item for item in _items(value) if isinstance(item, dict)], arguments
        case _:
            return value, arguments


def _text(value: object) -> object:
    """A value as it would be rendered alone; the engine would format it as Python."""
    if value is None:
        return ""
    if isinstance(value, str) or is_undefined(value) or hasattr(value, "__html__"):
        return value
    return to_liquid_string(readable(value), autoescape=False)


def _items(value: object) -> Iterable[object]:
    """A list's items, flattened as Liquid does; another value is a list of one."""
    if isinstance(value, (list, tuple)):
        return flatten(value)
    return value if isinstance(value, range) else [value]


def _number(value: object) -> object:
    """Text that Python, but not Liquid, reads as a number (`NaN`, `Infinity`) counts as zero, as other text does."""
    if isinstance(value, str):
        try:
            return value if isfinite(float(value)) else 0
        except ValueError:
            return value
    return value


def _addend(item: object) -> object:
    """What an item adds to a sum: text that is not a number, and null, add nothing."""
    if isinstance(item, str):
        try:
            return item if isfinite(float(item)) else 0
        except ValueError:
            return 0
    return item
