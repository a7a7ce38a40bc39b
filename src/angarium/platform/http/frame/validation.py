"""Validation errors in the contract's form: a field path such as `recipients.0.user_id`, and a message."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from angarium.contracts.errors import Detail

_PLACES = frozenset({"body", "query", "path", "header", "cookie"})
MOST_DETAILS = 100
"""Upper bound of reported errors, so that a body with thousands of wrong fields gets a short answer."""
_WORDS = {
    "missing": "required",
    "extra_forbidden": "unknown field",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
    "timezone_aware": "must have an offset, such as Z or +01:00",
    "datetime_from_date_parsing": "must be a time such as 2026-11-20T09:00:00Z (RFC 3339)",
    "datetime_parsing": "must be a time such as 2026-11-20T09:00:00Z (RFC 3339)",
}
_LETTERS = "letters, digits, "
_PATTERNS = {
    r"^[^\x00]*$": "must not contain NUL characters",
    r"^[^\x00-\x1f\x7f]*$": "must be one line without control characters",
    r"^[^\x00-\x1f\x7f\u2028\u2029]*$": "must be one line without control characters",
    r"^[!-~]{1,64}$": "must be 1 to 64 visible ASCII characters",
    r"^[A-Za-z0-9._%+@-]{1,128}$": "must be 1 to 128 " + _LETTERS + ". _ % + @ and -",
    r"^[A-Za-z_][A-Za-z0-9_.-]{0,99}$": "must be 1 to 100 " + _LETTERS + "_ . and -, a letter or _ first",
    r"^[a-z0-9_][a-z0-9_.-]{0,99}$": "must be 1 to 100 lower-case " + _LETTERS + "_ . and -, not . or - first",
    r"^[A-Za-z0-9_.-]{1,64}$": "must be 1 to 64 " + _LETTERS + ". _ and -",
    r"^[A-Za-z0-9][A-Za-z0-9_. -]{0,99}$": "must be 1 to 100 " + _LETTERS + "spaces, . _ and -",
    r"^[a-z0-9][a-z0-9_-]{0,62}$": "must be 1 to 63 lower-case " + _LETTERS + "_ and -",
    r"^([01]\d|2[0-3]):[0-5]\d$": "must be a time of day such as 22:00",
    r"^(off|[1-9]\d{0,8}/(second|minute|hour))$": "must be off, or a rate such as 100/second, 10/minute or 1000/hour",
    r"^[0-9]{1,12}(\.[0-9]{1,9})?(ms|s|m|h)$": "must be a duration such as 250ms, 10s, 2m or 1h",
    r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$": "must be a language tag such as en or pt-BR (BCP 47)",
}
"""Descriptions of the contracts' regular expressions. One without a description is shown itself."""
_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")
"""A member of an enumeration as Python shows it, with the value that clients know."""
_VALUE_ALONE = r"\1"
_WITH_LIMITS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "string_too_short": lambda limits: f"must have at least {_count(limits['min_length'], 'character')}",
    "string_too_long": lambda limits: f"must have at most {_count(limits['max_length'], 'character')}",
    "too_short": lambda limits: f"must have at least {_count(limits['min_length'], 'item')}",
    "too_long": lambda limits: f"must have at most {_count(limits['max_length'], 'item')}",
    "greater_than": lambda limits: f"must be more than {limits['gt']:g}",
    "less_than": lambda limits: f"must be less than {limits['lt']:g}",
    "greater_than_equal": lambda limits: f"must be at least {limits['ge']}",
    "less_than_equal": lambda limits: f"must be at most {limits['le']}",
    "enum": lambda limits: f"must be {limits['expected']}",
    "literal_error": lambda limits: f"must be {_MEMBER.sub(_VALUE_ALONE, limits['expected'])}",
    "string_pattern_mismatch": lambda limits: _PATTERNS.get(limits["pattern"], f"must match {limits['pattern']}"),
}
_UNION_TAGS = frozenset({"str", "constrained-str", "int", "float", "bool", "dict[str,any]", "list[any]", "[key]"})


def details_of(errors: Sequence[Mapping[str, Any]]) -> tuple[Detail, ...]:
    """One detail for each of the first hundred errors, in order; `errors` as from pydantic's or FastAPI's `errors()`.

    A path is relative to the body; an error of the whole body has the field `body`.
    """
    return tuple(_detail(error) for error in errors[:MOST_DETAILS])


def _detail(error: Mapping[str, Any]) -> Detail:
    path = [str(part) for part in error["loc"]]
    if path and path[0] in _PLACES:
        path = path[1:]
    if len(path) > 1 and path[-1].lower() in _UNION_TAGS:
        path = path[:-1]
    if error["type"] == "field_error":
        path.append(str(error["ctx"]["field"]))
    return Detail(".".join(path) or "body", _message(error))


def _message(error: Mapping[str, Any]) -> str:
    limited = _WITH_LIMITS.get(error["type"])
    if limited is not None:
        return limited(error["ctx"])
    return _WORDS.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
