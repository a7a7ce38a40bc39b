"""`/docs/users.json` and `/docs/templates.json`: what other services offer through the gateway, for its `/docs`."""

from collections.abc import Awaitable, Callable
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


class DocumentRoutes:
    """Needs no key, like `/openapi.json`."""

    def __init__(self, *, users: ServiceClient, templates: ServiceClient) -> None:
        self._shown = dict(zip(DOCUMENTS, (("users", users), ("templates", templates)), strict=True))

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        for path, (name, client) in self._shown.items():
            router.add_api_route(path, _document(name, client), methods=["GET"])
        return router


def _document(name: str, client: ServiceClient) -> Callable[[], Awaitable[Response]]:
    async def document() -> Response:
        try:
            answer = await client.get("/openapi.json", tenant="")
        except ServiceDown as down:
            raise ServiceUnavailable from down
        if answer.status_code != HTTPStatus.OK:
            raise ServiceUnavailable
        return JsonBytes(msgspec.json.encode(_behind_the_gateway(answer.json(), name)))

    return document


def _behind_the_gateway(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The document with the paths that the gateway passes on, as clients see them."""
    paths: dict[str, Any] = document.get("paths", {})
    public = {path: item for path, item in paths.items() if path.split("/")[1] == name}
    return {**document, "paths": {f"{_PREFIX}{path}": item for path, item in public.items()}}
