"""The OpenAPI document: FastAPI's, corrected to what this frame really answers."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from angarium.contracts.envelope import ErrorEnvelope
from angarium.contracts.scopes import Scope

SCOPE_MARK = "required_scope"
"""The attribute by which a dependency says which scope it asks for."""
SERVICE_MARK = "service_only"
"""The attribute by which a dependency says that it opens to services alone."""

_ERROR_REF = {"$ref": "#/components/schemas/ErrorEnvelope"}
_SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "Service": {"type": "apiKey", "in": "header", "name": "X-Service-Token"},
}
_PUBLIC_REFUSALS = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
_SECURED_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
_BODY_REFUSALS = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


class DocumentedApp(FastAPI):
    """A FastAPI app whose document shows envelopes for every refusal, and who may call what."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once for each state of the routes."""
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
    components["securitySchemes"] = _SCHEMES
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            _correct_operation(operation, guards.get((path, method.upper()), []))


def _error_schemas() -> dict[str, Any]:
    schema = ErrorEnvelope.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions: dict[str, Any] = schema.pop("$defs", {})
    return {**definitions, "ErrorEnvelope": schema}


def _correct_operation(operation: dict[str, Any], guards: list[Any]) -> None:
    responses = operation.setdefault("responses", {})
    responses.pop("422", None)
    if operation.get("description"):  # a sentence says more than the name of a function
        operation["summary"] = operation["description"].split("\n")[0].partition(". ")[0].removesuffix(".")
    refusals = [*_PUBLIC_REFUSALS]
    if guards:
        refusals += _SECURED_REFUSALS
        _secure(operation, guards)
    if "requestBody" in operation:
        refusals += _BODY_REFUSALS
    for status in sorted(refusals):
        responses.setdefault(str(int(status)), _refusal(status.phrase))
    responses.setdefault("default", _refusal("Any other refusal"))


def _refusal(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ERROR_REF}}}


def _secure(operation: dict[str, Any], guards: list[Any]) -> None:
    if any(getattr(guard, SERVICE_MARK, False) for guard in guards):
        operation["security"] = [{"Service": []}]
        return
    operation["security"] = [{"ApiKey": []}, {"Bearer": []}]
    scopes: list[Scope] = [scope for guard in guards if (scope := getattr(guard, SCOPE_MARK, None))]
    if scopes:
        operation["x-required-scopes"] = sorted(scopes)


def _guards(app: FastAPI) -> dict[tuple[str, str], list[Any]]:
    """The dependencies that ask who is calling, by path and method."""
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
    """What the framework calls before a route, inner ones too."""
    for inner in dependant.dependencies:
        if inner.call is not None:
            yield inner.call
        yield from dependencies_of(inner)
