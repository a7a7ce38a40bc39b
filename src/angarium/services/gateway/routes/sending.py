"""`POST /api/v1/notifications` and its bulk form."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from angarium.contracts.envelope import Envelope, ErrorDetail, one
from angarium.contracts.errors import Detail, Rejected, ValidationFailed
from angarium.contracts.fields import rfc3339
from angarium.contracts.notifications import (
    BulkAccepted,
    BulkRefusal,
    BulkRequest,
    BulkResult,
    NotificationAccepted,
    NotificationRequest,
)
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import delivery_status
from angarium.platform.auth.caller import Caller
from angarium.platform.http.answers import JsonBytes
from angarium.platform.http.dependencies import requires
from angarium.platform.telemetry.correlation import current_correlation_id, current_traceparent
from angarium.services.gateway.accept import Acceptor
from angarium.services.gateway.acceptance import Accepted, Origin, Verdict
from angarium.services.gateway.routes.direct import direct_route, validated

PATH = "/api/v1/notifications"
BULK_PATH = f"{PATH}/bulk"
BULK_BYTES = 16 * 1024 * 1024
REPLAYED_HEADER = "idempotent-replayed"
_ACCEPTED = 202

Sender = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]


_ANSWER_HEAD, _ANSWER_TAIL = one(None, "Notification accepted").model_dump_json().encode().split(b"null", 1)


class SendingRoutes:
    """Takes notifications in."""

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor

    def routers(self) -> Sequence[APIRouter]:
        single = APIRouter(
            route_class=direct_route(NotificationRequest, Scope.NOTIFICATIONS_SEND), tags=["notifications"]
        )
        bulk = APIRouter(route_class=direct_route(BulkRequest, Scope.NOTIFICATIONS_SEND), tags=["notifications"])
        single.add_api_route(
            PATH,
            self.send,
            methods=["POST"],
            status_code=_ACCEPTED,
            response_model=Envelope[NotificationAccepted],
            name="send",
        )
        bulk.add_api_route(
            BULK_PATH,
            self.send_many,
            methods=["POST"],
            status_code=_ACCEPTED,
            response_model=Envelope[BulkAccepted],
            name="send_many",
        )
        return single, bulk

    async def send(self, body: NotificationRequest, caller: Sender) -> Response:
        """Accept a notification. The 202 is given once the record is durable; from then on it is never lost."""
        accepted = await self._acceptor.accept(_origin(caller), body)
        answer = accepted_answer(accepted)
        headers = {REPLAYED_HEADER: "true"} if accepted.replayed else None
        return JsonBytes(answer, status_code=_ACCEPTED, headers=headers)

    async def send_many(self, body: BulkRequest, caller: Sender) -> Response:
        """Accept up to 1,000 notifications; a bad one is refused without its neighbours."""
        items = _items(body)
        requests = [_validated(item) for item in items]
        good = [request for request in requests if isinstance(request, NotificationRequest)]
        verdicts = iter(await self._acceptor.accept_many(_origin(caller), good))
        results = [
            _result(index, item, request if isinstance(request, Rejected) else next(verdicts))
            for index, (item, request) in enumerate(zip(items, requests, strict=True))
        ]
        rejected = sum(result.error is not None for result in results)
        answer = BulkAccepted(accepted=len(results) - rejected, rejected=rejected, results=results)
        return JsonBytes(_without_blanks(answer), status_code=_ACCEPTED)


def _origin(caller: Caller) -> Origin:
    return Origin(caller, current_correlation_id() or "", current_traceparent())


def accepted_answer(accepted: Accepted) -> bytes:
    """The body of the 202: `Envelope[NotificationAccepted]` written directly, for it is written at every acceptance."""
    notification_id = str(accepted.notification_id)
    data = {
        "notification_id": notification_id,
        "request_id": accepted.request_id,
        "status": accepted.status,
        "delivery_status": delivery_status(accepted.status),
        "status_url": f"{PATH}/{notification_id}",
        "correlation_id": accepted.correlation_id,
        "created_at": rfc3339(accepted.created_at),
    }
    return _ANSWER_HEAD + msgspec.json.encode(data) + _ANSWER_TAIL


def _items(body: BulkRequest) -> Sequence[dict[str, Any]]:
    """The items whole, whichever of the two forms the bulk has."""
    if body.notifications is not None:
        return body.notifications
    whole = {"notification_type": body.notification_type, "template_code": body.template_code}
    return [{**whole, **item} for item in body.recipients or ()]


def _validated(item: dict[str, Any]) -> NotificationRequest | Rejected:
    try:
        return validated(NotificationRequest, item)
    except ValidationFailed as refusal:
        return refusal


def _result(index: int, item: dict[str, Any], verdict: Verdict) -> BulkResult:
    if isinstance(verdict, Accepted):
        return BulkResult(
            index=index,
            request_id=verdict.request_id,
            notification_id=verdict.notification_id,
            status=verdict.status,
        )
    request_id = item.get("request_id")
    error = BulkRefusal(code=verdict.code, details=[_detail(detail) for detail in verdict.details])
    return BulkResult(index=index, request_id=request_id if isinstance(request_id, str) else None, error=error)


def _detail(detail: Detail) -> ErrorDetail:
    return ErrorDetail(field=detail.field, message=detail.message, line=detail.line, column=detail.column)


def _without_blanks(answer: BulkAccepted) -> bytes:
    """The envelope; a result shows only the names that it has."""
    results = [result.model_dump(mode="json", exclude_none=True) for result in answer.results]
    data = {"accepted": answer.accepted, "rejected": answer.rejected, "results": results}
    return one(data, "Notifications accepted").model_dump_json().encode()
