"""Validation errors in the contract's words: a field's path such as `recipients.0.user_id`, and what is wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from angarium.contracts.errors import Detail

_PLACES = frozenset({"body", "query", "path", "header", "cookie"})
MOST_DETAILS = 100
"""A body of twenty thousand wrong fields must not be answered with as many words."""
_WORDS = {
    "missing": "required",
    "extra_forbidden": "unknown field",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be a string",
}
_UNION_TAGS = frozenset({"str", "constrained-str", "int", "float", "bool", "dict[str,any]", "list[any]", "[key]"})


def details_of(errors: Sequence[Mapping[str, Any]]) -> tuple[Detail, ...]:
    """One detail for each of the first hundred errors, in order; `errors` as of pydantic's or FastAPI's `errors()`.

    A path is relative to the body; what concerns the body as a whole has the field `body`.
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
    message = _WORDS.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
    return Detail(".".join(path) or "body", message)
