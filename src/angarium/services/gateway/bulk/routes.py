"""`POST /api/v1/notifications/bulk`."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from angarium.contracts.accepted import BulkAccepted
from angarium.contracts.envelope import Envelope
from angarium.contracts.errors import MethodNotAllowed
from angarium.contracts.notifications import BulkRequest
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.direct import direct_route
from angarium.services.gateway.accepting.acceptance import PATH as SINGLE_PATH
from angarium.services.gateway.accepting.acceptance import bulk_answer, origin_of
from angarium.services.gateway.bulk.use_cases import BulkAcceptor, items_of

PATH = f"{SINGLE_PATH}/bulk"
BYTES = 16 * 1024 * 1024
Sender = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]


def routes(acceptor: BulkAcceptor) -> APIRouter:
    """Accept many notifications."""
    router = APIRouter(route_class=direct_route(BulkRequest, Scope.NOTIFICATIONS_SEND), tags=["notifications"])

    @router.post(PATH, status_code=HTTPStatus.ACCEPTED, response_model=Envelope[BulkAccepted])
    async def send_notifications(body: BulkRequest, caller: Sender) -> Response:
        """Accept up to 1,000 notifications. An invalid item does not affect the others."""
        items = items_of(body)
        verdicts = await acceptor.accept(origin_of(caller), items)
        return JsonBytes(bulk_answer(items, verdicts), status_code=int(HTTPStatus.ACCEPTED))

    # without it the path of one notification matches, and "bulk" is refused as an invalid id
    router.add_route(PATH, _only_post, methods=["GET"], include_in_schema=False)
    return router


async def _only_post(_request: Request) -> Response:
    error = MethodNotAllowed()
    error.headers = {"allow": "POST"}
    raise error
