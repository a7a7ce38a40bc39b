"""`/docs/users.json` and `/docs/templates.json`: what other services offer through the gateway, for its `/docs`."""

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from angarium.contracts.errors import ServiceUnavailable
from angarium.platform.http.client.client import ServiceClient, ServiceDown
from angarium.platform.http.frame.answers import JsonBytes

DOCUMENTS = ("/docs/users.json", "/docs/templates.json")
_PREFIX = "/api/v1"


def routes(*, users: ServiceClient, templates: ServiceClient) -> APIRouter:
    """One document for each service. Like `/openapi.json` they need no key."""
    router = APIRouter(include_in_schema=False)
    _document(router, DOCUMENTS[0], "users", users)
    _document(router, DOCUMENTS[1], "templates", templates)
    return router


def _document(router: APIRouter, path: str, name: str, client: ServiceClient) -> None:
    @router.get(path)
    async def document() -> Response:
        try:
            answer = await client.get("/openapi.json", tenant="")
        except ServiceDown as down:
            raise ServiceUnavailable from down
        if answer.status_code != HTTPStatus.OK:
            raise ServiceUnavailable
        return JsonBytes(msgspec.json.encode(_behind_the_gateway(answer.json(), name)))


def _behind_the_gateway(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The document with the paths that the gateway passes on, as clients see them."""
    paths: dict[str, Any] = document.get("paths", {})
    public = {path: item for path, item in paths.items() if path.split("/")[1] == name}
    return {**document, "paths": {f"{_PREFIX}{path}": item for path, item in public.items()}}
