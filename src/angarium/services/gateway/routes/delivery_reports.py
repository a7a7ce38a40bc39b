"""`POST /api/v1/{channel}/status`: delivery reports from trusted services."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import ConfigDict, StringConstraints

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.fields import Body, InstantField
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.platform.auth.caller import Caller
from angarium.platform.http.dependencies import requires
from angarium.services.gateway.receipts import Receipts

Reporter = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]


class DeliveryReport(Body):
    """What became of a notification after it was sent."""

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


class DeliveryReportRoutes:
    """Takes reports; `pending` says nothing new."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api/v1", tags=["notifications"])
        for channel in Channel:
            router.add_api_route(
                f"/{channel}/status",
                self.report,
                methods=["POST"],
                response_model=Envelope[DeliveryReport],
                name=f"report_{channel}",
            )
        return router

    async def report(self, body: DeliveryReport, caller: Reporter) -> Envelope[DeliveryReport]:
        """Take a delivery report. One that comes before the send is recorded is held until it is.

        The same report again changes nothing. What has ended stays as it is: 409.
        """
        if body.status == "delivered":
            await self._receipts.delivered(caller, body.notification_id, body.timestamp)
        elif body.status == "failed":
            await self._receipts.bounced(caller, body.notification_id, body.timestamp, body.error or "not delivered")
        return one(body, "Report taken")
