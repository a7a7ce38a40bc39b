"""One OpenAPI document of the documents of several services."""

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]
PREFIX = "/api/v1"
_SCHEMAS = "#/components/schemas/"
_TITLE = "title"


def behind_the_gateway(document: Document, name: str) -> Document:
    """A service's document with the paths that the gateway passes on, as clients see them."""
    paths: dict[str, Any] = document.get("paths", {})
    public = {path: item for path, item in paths.items() if path.split("/")[1] == name}
    return {**document, "paths": {f"{PREFIX}{path}": item for path, item in public.items()}}


def merged(own: Document, others: Mapping[str, Document]) -> Document:
    """`own` with the paths and schemas of `others`, which are behind the gateway already, by the names of services.

    A schema that two documents define alike is one schema. Where they differ, the other's is renamed with its service
    as a prefix (`UsersImportFault`), and so is every reference to it.
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
    """The schemas of `theirs` that `known` has otherwise; also those alike that refer to one of these."""
    different = {name for name in theirs.keys() & known.keys() if theirs[name] != known[name]}
    shared = theirs.keys() & known.keys()
    while True:
        further = {name for name in shared - different if not different.isdisjoint(_references(theirs[name]))}
        if not further:
            return different
        different |= further


def _references(value: Any) -> set[str]:
    """The schemas that a part of a document refers to."""
    if isinstance(value, dict):
        target = value.get("$ref")
        own = {target.removeprefix(_SCHEMAS)} if isinstance(target, str) else set()
        return own.union(*(_references(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_references(item) for item in value))
    return set()


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A part of a document with references to renamed schemas."""
    if not names:
        return value
    if isinstance(value, dict):
        return {key: _target(item, names) if key == "$ref" else _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return value


def _target(reference: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(reference, str):
        return reference  # a property of that name
    schema = reference.removeprefix(_SCHEMAS)
    return f"{_SCHEMAS}{names[schema]}" if schema in names else reference
