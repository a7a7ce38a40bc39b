"""`/openapi.json`: the operations of all services, as clients of the gateway call them. Needs no key."""

from hashlib import sha256

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from angarium.platform.http.frame.answers import JsonBytes
from angarium.services.gateway.documents.use_cases import Documents


def routes(documents: Documents) -> APIRouter:
    """`/openapi.json`, and `/docs/users.json` and `/docs/templates.json` with the operations of one service."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def whole(request: Request) -> Response:
        content = await documents.all(request.app.openapi)
        tag = f'"{sha256(content).hexdigest()[:32]}"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return JsonBytes(content, headers=headers)

    @router.get("/docs/users.json")
    async def users() -> Response:
        return JsonBytes(msgspec.json.encode(await documents.of("users")))

    @router.get("/docs/templates.json")
    async def templates() -> Response:
        return JsonBytes(msgspec.json.encode(await documents.of("templates")))

    return router
