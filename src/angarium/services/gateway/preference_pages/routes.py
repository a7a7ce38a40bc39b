"""`/preferences/{token}` and `/unsubscribe/{token}`, passed on to the users service: people know one address only."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from angarium.contracts.errors import NotFound, ServiceUnavailable
from angarium.directory.preference_links import PAGE_PATH, UNSUBSCRIBE_PATH
from angarium.platform.auth.caller import Caller
from angarium.platform.http.client.client import ServiceClient, ServiceDown

_NOBODY = Caller(tenant="", name="preference-page", scopes=frozenset())
"""Who calls is said by the token in the path alone."""
FORM_PATHS = (PAGE_PATH, UNSUBSCRIBE_PATH)


def routes(users: ServiceClient) -> APIRouter:
    """The page and its form. They need no key; the users service reads the token."""
    router = APIRouter(include_in_schema=False)

    @router.api_route(f"{PAGE_PATH}/{{token}}", methods=["GET", "POST"])
    @router.api_route(f"{UNSUBSCRIBE_PATH}/{{token}}", methods=["GET", "POST"])
    async def pass_on(request: Request, token: str) -> Response:
        """The page, or the answer to its form."""
        first = request.scope["path"].split("/", 2)[1]
        if not _is_token(token):
            raise NotFound  # whatever else stands there must not become part of a path
        try:
            answer = await users.forward(
                request.method,
                f"/{first}/{token}",
                caller=_NOBODY,
                query=request.scope["query_string"].decode("latin-1"),
                body=await request.body(),
                headers=request.headers,
            )
        except ServiceDown as down:
            raise ServiceUnavailable from down
        return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))

    return router


def _is_token(text: str) -> bool:
    return text.isascii() and text.replace("-", "").replace("_", "").isalnum()
