"""`/api/v1/notifications/{notification_id}/resolve` and `…/cancel`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.notifications import NotificationView, ResolveRequest
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Status
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.openapi import conflict
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.moving.use_cases import Moves
from angarium.services.gateway.reading.use_cases import Reading

PATH = "/api/v1/notifications/{notification_id}"
Sender = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]
Operator = Annotated[Caller, Depends(requires(Scope.DEAD_LETTERS_MANAGE))]
_RESOLVED = {"sent": Status.SENT, "failed": Status.FAILED, "retry": Status.PENDING}


def routes(moves: Moves, reading: Reading, audit: AuditLog) -> APIRouter:
    """Resolve and cancel."""
    router = APIRouter(prefix=PATH, tags=["notifications"])

    @router.post("/resolve", responses=conflict("Its status is not unknown"))
    async def resolve_notification(
        request: Request, caller: Operator, notification_id: UUID, body: ResolveRequest
    ) -> Envelope[NotificationView]:
        """Resolve an `unknown` notification: it was sent, it failed, or it is sent again. 409 for any other status."""
        await moves.resolve(caller, notification_id, _RESOLVED[body.as_])
        await audit.record(actor_of(request, caller), f"notification.resolved_as_{body.as_}", notification_id)
        return one(moves.count(await reading.get_now(caller, notification_id)), "Notification resolved")

    @router.post("/cancel", responses=conflict("It is sent, being sent or ended"))
    async def cancel_notification(
        request: Request, caller: Sender, notification_id: UUID
    ) -> Envelope[NotificationView]:
        """Cancel a notification that is not being sent yet; otherwise 409."""
        await moves.cancel(caller, notification_id)
        await audit.record(actor_of(request, caller), "notification.cancelled", notification_id)
        return one(moves.count(await reading.get_now(caller, notification_id)), "Notification cancelled")

    return router
