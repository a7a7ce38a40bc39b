"""`POST /api/v1/{channel}/status`: delivery reports from trusted services."""

from typing import Annotated, Literal, assert_never
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import ConfigDict, StringConstraints

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.fields import Body, InstantField
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.openapi import conflict
from angarium.services.gateway.delivery_reports.use_cases import Receipts

Reporter = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]


class DeliveryReport(Body):
    """The outcome of a notification after it was sent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "notification_id": "0192d6a0-7ec9-764a-b61a-ce54ccb0749d",
                    "status": "failed",
                    "timestamp": "2026-11-20T09:00:00Z",
                    "error": "mailbox full",
                }
            ]
        }
    )

    notification_id: UUID
    status: Literal["delivered", "pending", "failed"]
    timestamp: InstantField | None = None
    error: Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")] | None = None


def routes(receipts: Receipts) -> APIRouter:
    """Accept reports on the path of the notification's channel; `pending` changes nothing."""
    router = APIRouter(prefix="/api/v1", tags=["notifications"])
    for channel in Channel:
        _report(router, channel, receipts)
    return router


def _report(router: APIRouter, channel: Channel, receipts: Receipts) -> None:
    @router.post(
        f"/{channel}/status",
        name=f"report_{channel}_status",
        responses=conflict("Nothing was sent that this could be about"),
    )
    async def report(body: DeliveryReport, caller: Reporter) -> Envelope[DeliveryReport]:
        """Accept a delivery report. A report that arrives before the send is recorded is held until then.

        A repeated report changes nothing. A notification that has already ended is a 409, one of another channel a 404.
        """
        match body.status:
            case "delivered":
                await receipts.delivered(caller, channel, body.notification_id, body.timestamp)
            case "failed":
                error = body.error or "not delivered"
                await receipts.bounced(caller, channel, body.notification_id, body.timestamp, error)
            case "pending":
                await receipts.pending(caller, channel, body.notification_id)
            case _:
                assert_never(body.status)
        return one(body, "Report taken")
