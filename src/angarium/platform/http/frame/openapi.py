"""The OpenAPI document: FastAPI's, corrected to match the frame's answers."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from angarium.contracts.descriptions import FIELDS, PARAMETERS
from angarium.contracts.envelope import ErrorEnvelope
from angarium.contracts.examples import example_of, parameter_example
from angarium.contracts.scopes import Scope

SCOPE_MARK = "required_scope"
"""Attribute of a dependency with the scope that it requires."""
SERVICE_MARK = "service_only"
"""Attribute of a dependency that admits services only."""

_ERROR: dict[str, Any] = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorEnvelope"}}}}
_BOTH_WAYS = ("-Input", "-Output")
"""Suffixes of the schemas of a model whose input and output differ."""
_IF_MATCH = "if-match"
_WHEN = {
    HTTPStatus.BAD_REQUEST: "Something in the request is wrong; `details` names each field",
    HTTPStatus.UNAUTHORIZED: "No valid API key or token",
    HTTPStatus.FORBIDDEN: "The caller lacks the scope",
    HTTPStatus.PRECONDITION_FAILED: "It was changed since the state that `If-Match` names",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is of another type",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.SERVICE_UNAVAILABLE: "A dependency does not answer, or there is too much to do; try again",
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds until it is worth trying again", "schema": {"type": "integer"}}}
_HEADERS: dict[HTTPStatus, dict[str, Any]] = {
    HTTPStatus.UNAUTHORIZED: {
        "WWW-Authenticate": {"description": "How to authenticate (RFC 9110 §11.6.1)", "schema": {"type": "string"}}
    },
    HTTPStatus.TOO_MANY_REQUESTS: _RETRY_AFTER,
    HTTPStatus.SERVICE_UNAVAILABLE: _RETRY_AFTER,
}
_SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "Service": {"type": "apiKey", "in": "header", "name": "X-Service-Token"},
}
_PUBLIC_REFUSALS = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
_SECURED_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
_BODY_REFUSALS = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def refusals(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route with these additional errors."""
    return {int(status): _refusal(status) for status in statuses}


def conflict(description: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer 409, with the condition."""
    return {int(HTTPStatus.CONFLICT): {**_refusal(HTTPStatus.CONFLICT), "description": description}}


def operation_id(route: APIRoute) -> str:
    """The name of the route, so that the id is stable when a path or function changes."""
    return route.name


class DocumentedApp(FastAPI):
    """A FastAPI app whose document has the envelope of every error and the required scopes."""

    def openapi(self) -> dict[str, Any]:
        """The document, built once per state of the routes."""
        document = super().openapi()
        if "x-angarium" not in document:
            _correct(document, _guards(self))
            document["x-angarium"] = True
        return document


def _correct(document: dict[str, Any], guards: dict[tuple[str, str], list[Any]]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(_error_schemas())
    for name, schema in schemas.items():
        if name.endswith(_BOTH_WAYS):  # a client generator names classes by title
            schema["title"] = name.replace("-", "")
        _describe(name.removesuffix("-Input").removesuffix("-Output"), schema)
    components["securitySchemes"] = _SCHEMES
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            _correct_operation(operation, guards.get((path, method.upper()), []))


def _describe(model: str, schema: dict[str, Any]) -> None:
    """Add missing descriptions and examples to fields; a reference shows the examples of its target."""
    for name, field in schema.get("properties", {}).items():
        meaning = FIELDS.get(f"{model}.{name}") or FIELDS.get(name)
        if meaning is not None:
            field.setdefault("description", meaning)
        examples = example_of(model, name, field)
        if examples:
            field.setdefault("examples", examples)


def _error_schemas() -> dict[str, Any]:
    schema = ErrorEnvelope.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions: dict[str, Any] = schema.pop("$defs", {})
    return {**definitions, "ErrorEnvelope": schema}


def _correct_operation(operation: dict[str, Any], guards: list[Any]) -> None:
    responses = operation.setdefault("responses", {})
    responses.pop("422", None)
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in PARAMETERS:
            parameter.setdefault("description", PARAMETERS[parameter["name"]])
        if examples := parameter_example(parameter["name"], parameter["schema"]):
            parameter.setdefault("example", examples[0])
    if operation.get("description"):  # a sentence is more informative than a function's name
        operation["summary"] = operation["description"].split("\n")[0].partition(". ")[0].removesuffix(".")
    refused = [*_PUBLIC_REFUSALS]
    if guards:
        refused += _SECURED_REFUSALS
        _secure(operation, guards)
    if "requestBody" in operation:
        refused += _BODY_REFUSALS
    if any(parameter["name"].lower() == _IF_MATCH for parameter in operation.get("parameters", ())):
        refused.append(HTTPStatus.PRECONDITION_FAILED)
    for status in sorted(refused):
        responses.setdefault(str(int(status)), _refusal(status))
    responses.setdefault("default", {**_ERROR, "description": "Any other refusal"})


def _refusal(status: HTTPStatus) -> dict[str, Any]:
    headers = _HEADERS.get(status)
    return {**_ERROR, "description": _WHEN.get(status, status.phrase), **({"headers": headers} if headers else {})}


def _secure(operation: dict[str, Any], guards: list[Any]) -> None:
    if any(getattr(guard, SERVICE_MARK, False) for guard in guards):
        operation["security"] = [{"Service": []}]
        return
    operation["security"] = [{"ApiKey": []}, {"Bearer": []}]
    scopes: list[Scope] = [scope for guard in guards if (scope := getattr(guard, SCOPE_MARK, None))]
    if scopes:
        operation["x-required-scopes"] = sorted(scopes)


def _guards(app: FastAPI) -> dict[tuple[str, str], list[Any]]:
    """The authenticating dependencies, by path and method."""
    found: dict[tuple[str, str], list[Any]] = {}
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is None or route.path_format is None:
            continue
        marked = [
            call for call in dependencies_of(dependant) if hasattr(call, SCOPE_MARK) or hasattr(call, SERVICE_MARK)
        ]
        for method in route.methods or ():
            found[route.path_format, method] = marked
    return found


def dependencies_of(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """All dependencies of a route, including nested ones."""
    for inner in dependant.dependencies:
        if inner.call is not None:
            yield inner.call
        yield from dependencies_of(inner)
