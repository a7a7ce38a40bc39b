"""Merges the OpenAPI documents of several services into one."""

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]
PREFIX = "/api/v1"
_SCHEMAS = "#/components/schemas/"
_TITLE = "title"


def behind_the_gateway(document: Document, name: str) -> Document:
    """A service's document with only the paths that the gateway forwards, as clients call them."""
    paths: dict[str, Any] = document.get("paths", {})
    public = {path: item for path, item in paths.items() if path.split("/")[1] == name}
    return {**document, "paths": {f"{PREFIX}{path}": item for path, item in public.items()}}


def merged(own: Document, others: Mapping[str, Document]) -> Document:
    """`own` with the paths and schemas of `others`, which are results of `behind_the_gateway` by service name.

    Identical schemas of the same name are merged. If they differ, the schema of the other service gets the service's
    name as a prefix (`UsersImportFault`), and every reference to it is renamed.
    """
    paths, schemas = dict(own.get("paths", {})), dict(_schemas(own))
    for name, document in others.items():
        theirs = _schemas(document)
        names = {schema: f"{name.title()}{schema}" for schema in _different(theirs, schemas)}
        paths |= _renamed(document.get("paths", {}), names)
        for schema, content in theirs.items():
            renamed = _renamed(content, names)
            if schema in names:
                renamed = {**renamed, _TITLE: names[schema]}
            schemas[names.get(schema, schema)] = renamed
    return {**own, "paths": paths, "components": {**own.get("components", {}), "schemas": schemas}}


def _schemas(document: Document) -> Mapping[str, Any]:
    schemas: Mapping[str, Any] = document.get("components", {}).get("schemas", {})
    return schemas


def _different(theirs: Mapping[str, Any], known: Mapping[str, Any]) -> set[str]:
    """The names of schemas that differ from those in `known`, and of schemas that refer to one that differs."""
    different = {name for name in theirs.keys() & known.keys() if theirs[name] != known[name]}
    shared = theirs.keys() & known.keys()
    while True:
        further = {name for name in shared - different if not different.isdisjoint(_references(theirs[name]))}
        if not further:
            return different
        different |= further


def _references(value: Any) -> set[str]:
    """The names of the schemas that a part of a document refers to."""
    if isinstance(value, dict):
        target = value.get("$ref")
        own = {target.removeprefix(_SCHEMAS)} if isinstance(target, str) else set()
        return own.union(*(_references(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_references(item) for item in value))
    return set()


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A part of a document with its references to schemas replaced: `names` has old and new names."""
    if not names:
        return value
    if isinstance(value, dict):
        return {key: _target(item, names) if key == "$ref" else _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return value


def _target(reference: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(reference, str):
        return reference  # a property that is named `$ref`
    schema = reference.removeprefix(_SCHEMAS)
    return f"{_SCHEMAS}{names[schema]}" if schema in names else reference
