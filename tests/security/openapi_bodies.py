"""The least body that an OpenAPI document's schema takes."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
_FORMATS = {"uuid": "0192d6a0-0000-7000-8000-000000000000", "date-time": "2026-11-20T09:00:00Z"}


def least(schema: Schema, document: Schema) -> Any:
    """A value of `schema` with nothing in it that isn't required."""
    if "$ref" in schema:
        return least(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], document)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return least(schema[choice][0], document)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    return _of_type(schema, document)


def _of_type(schema: Schema, document: Schema) -> Any:
    match schema.get("type"):
        case "object":
            return {name: least(schema["properties"][name], document) for name in schema.get("required", ())}
        case "array":
            return [least(schema["items"], document)] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return _FORMATS.get(schema.get("format", ""), "x" * max(8, schema.get("minLength", 0)))
