"""`POST /api/v1/notifications`."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from angarium.contracts.accepted import NotificationAccepted
from angarium.contracts.envelope import Envelope
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.direct import direct_route
from angarium.platform.http.frame.openapi import conflict
from angarium.services.gateway.accepting.acceptance import PATH, AnswerForm, origin_of
from angarium.services.gateway.accepting.idempotency import (
    IDEMPOTENCY_CONFLICT,
    IDEMPOTENCY_PARAMETER,
    REPLAYED_HEADER,
    with_idempotency_key,
)
from angarium.services.gateway.accepting.use_cases import Acceptor

BYTES = 16 * 1024 * 1024
"""Limit of a call with attachments. Besides their content it may have 256 KB, like other calls."""
_MARK = b'"attachments"'
_ACCEPTED = int(HTTPStatus.ACCEPTED)
"""A plain number, since hashing an enumeration member runs Python code at every acceptance."""
Sender = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]


def routes(acceptor: Acceptor, answer_of: AnswerForm) -> APIRouter:
    """Accept one notification; `answer_of` encodes the body of the 202."""
    direct = direct_route(
        NotificationRequest, Scope.NOTIFICATIONS_SEND, merge=with_idempotency_key, outside=attached, needs=_MARK
    )
    router = APIRouter(route_class=direct, tags=["notifications"])

    @router.post(
        PATH,
        status_code=_ACCEPTED,
        response_model=Envelope[NotificationAccepted],
        responses=conflict(IDEMPOTENCY_CONFLICT),
        openapi_extra={"parameters": [dict(IDEMPOTENCY_PARAMETER)]},
    )
    async def send_notification(body: NotificationRequest, caller: Sender) -> Response:
        """Accept a notification. The 202 means that the record is durable, so it cannot be lost.

        The body has at most 256 KB, or 16 MB with `attachments`.
        """
        accepted = await acceptor.accept(origin_of(caller), body)
        headers = {REPLAYED_HEADER: "true"} if accepted.replayed else None
        return JsonBytes(answer_of(accepted), status_code=_ACCEPTED, headers=headers)

    return router


def attached(content: Any) -> int:
    """The number of characters of attachments in a decoded body, which have a separate limit."""
    given = content.get("attachments") if isinstance(content, dict) else None
    if not isinstance(given, list):
        return 0
    contents = (one.get("content") for one in given if isinstance(one, dict))
    return sum(len(text) for text in contents if isinstance(text, str))
