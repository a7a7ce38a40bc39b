"""`/preferences/{token}` and `/unsubscribe/{token}`: forwarded to the users service, which is not public."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from angarium.contracts.errors import NotFound, ServiceUnavailable
from angarium.directory.preference_links import PAGE_PATH, UNSUBSCRIBE_PATH
from angarium.platform.auth.caller import Caller
from angarium.platform.http.client.client import ServiceClient, ServiceDown

_ANONYMOUS = Caller(tenant="", name="preference-page", scopes=frozenset())
"""The caller of the forwarded requests. The token in the path identifies the user."""
FORM_PATHS = (PAGE_PATH, UNSUBSCRIBE_PATH)


def routes(users: ServiceClient) -> APIRouter:
    """The pages and their forms. They need no key: the users service verifies the token."""
    router = APIRouter(include_in_schema=False)

    @router.api_route(f"{PAGE_PATH}/{{token}}", methods=["GET", "POST"])
    @router.api_route(f"{UNSUBSCRIBE_PATH}/{{token}}", methods=["GET", "POST"])
    async def forward_page(request: Request, token: str) -> Response:
        """Forward the request for the page or its form."""
        first = request.scope["path"].split("/", 2)[1]
        if not _is_token(token):
            raise NotFound  # other characters could change the path of the forwarded request
        try:
            answer = await users.forward(
                request.method,
                f"/{first}/{token}",
                caller=_ANONYMOUS,
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
