"""`POST /api/v1/notifications` and its bulk form."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from angarium.contracts.accepted import BulkAccepted, NotificationAccepted
from angarium.contracts.envelope import Envelope
from angarium.contracts.errors import Detail, PayloadTooLarge, Rejected, ValidationFailed
from angarium.contracts.notifications import BulkRequest, NotificationRequest
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.bodies import DEFAULT_BODY_LIMIT
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.direct import direct_route, validated
from angarium.platform.http.frame.openapi import conflict
from angarium.platform.telemetry.correlation import current_correlation_id, current_traceparent
from angarium.services.gateway.accepting.acceptance import Origin, Verdict
from angarium.services.gateway.accepting.answers import PATH, accepted_answer, bulk_answer, quick_answer
from angarium.services.gateway.accepting.idempotency import (
    IDEMPOTENCY_CONFLICT,
    IDEMPOTENCY_PARAMETER,
    with_idempotency_key,
)
from angarium.services.gateway.accepting.use_cases import Acceptor

BULK_PATH = f"{PATH}/bulk"
BULK_BYTES = 16 * 1024 * 1024
ITEM_BYTES = DEFAULT_BODY_LIMIT
"""Of one item of a bulk, merged with what the bulk says for all: as compact JSON in UTF-8."""
BULK_PART = 250
"""Items that are examined in one go: the database takes one part while the next is examined, and others get a turn."""
REPLAYED_HEADER = "idempotent-replayed"
_ACCEPTED = 202

_encode = msgspec.json.Encoder().encode
Sender = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]


class SendingRoutes:
    """Takes notifications in."""

    def __init__(self, acceptor: Acceptor, *, fast_paths: bool = True) -> None:
        self._acceptor = acceptor
        self._answer = quick_answer if fast_paths else accepted_answer

    def routers(self) -> Sequence[APIRouter]:
        single = APIRouter(
            route_class=direct_route(NotificationRequest, Scope.NOTIFICATIONS_SEND, merge=with_idempotency_key),
            tags=["notifications"],
        )
        bulk = APIRouter(route_class=direct_route(BulkRequest, Scope.NOTIFICATIONS_SEND), tags=["notifications"])
        single.add_api_route(
            PATH,
            self.send,
            methods=["POST"],
            status_code=_ACCEPTED,
            response_model=Envelope[NotificationAccepted],
            name="send_notification",
            responses=conflict(IDEMPOTENCY_CONFLICT),
            openapi_extra={"parameters": [dict(IDEMPOTENCY_PARAMETER)]},
        )
        bulk.add_api_route(
            BULK_PATH,
            self.send_many,
            methods=["POST"],
            status_code=_ACCEPTED,
            response_model=Envelope[BulkAccepted],
            name="send_notifications",
        )
        return single, bulk

    async def send(self, body: NotificationRequest, caller: Sender) -> Response:
        """Accept a notification. The 202 is given once the record is durable; from then on it is never lost."""
        accepted = await self._acceptor.accept(_origin(caller), body)
        answer = self._answer(accepted)
        headers = {REPLAYED_HEADER: "true"} if accepted.replayed else None
        return JsonBytes(answer, status_code=_ACCEPTED, headers=headers)

    async def send_many(self, body: BulkRequest, caller: Sender) -> Response:
        """Accept up to 1,000 notifications; a bad one is refused without its neighbours."""
        items = _items(body)
        origin = _origin(caller)
        parts = []
        for start in range(0, len(items), BULK_PART):
            parts.append(asyncio.create_task(self._accept_part(origin, items[start : start + BULK_PART])))
            await asyncio.sleep(0)
        verdicts = [verdict for part in await asyncio.gather(*parts) for verdict in part]
        return JsonBytes(bulk_answer(items, verdicts), status_code=_ACCEPTED)

    async def _accept_part(self, origin: Origin, items: Sequence[dict[str, Any]]) -> Sequence[Verdict]:
        requests = [_validated(item) for item in items]
        good = [request for request in requests if isinstance(request, NotificationRequest)]
        verdicts = iter(await self._acceptor.accept_many(origin, good))
        return [request if isinstance(request, Rejected) else next(verdicts) for request in requests]


def _origin(caller: Caller) -> Origin:
    return Origin(caller, current_correlation_id() or "", current_traceparent())


def _items(body: BulkRequest) -> Sequence[dict[str, Any]]:
    """The items whole, whichever of the two forms the bulk has."""
    if body.notifications is not None:
        return body.notifications
    whole = {"notification_type": body.notification_type, "template_code": body.template_code}
    return [{**whole, **item} for item in body.recipients or ()]


def _validated(item: dict[str, Any]) -> NotificationRequest | Rejected:
    try:
        _check_size(item)
        return validated(NotificationRequest, item)
    except (PayloadTooLarge, ValidationFailed) as refusal:
        return refusal


def _check_size(item: dict[str, Any]) -> None:
    """Raise PayloadTooLarge naming the largest field of an item that is larger than `ITEM_BYTES`."""
    size = len(_encode(item))
    if size > ITEM_BYTES:
        largest = max(item, key=lambda name: len(_encode(item[name])))
        message = f"the item is {size} bytes of JSON; at most {ITEM_BYTES} are accepted"
        raise PayloadTooLarge(details=[Detail(largest, message)])
