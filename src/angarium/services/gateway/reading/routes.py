"""`/api/v1/notifications`: the status of notifications, their timelines, lists."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.notifications import NotificationView, Why
from angarium.contracts.scopes import Scope
from angarium.notifications.store.read.notifications import NotificationFilter
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import Page, requires_or_user
from angarium.platform.http.frame.short_lists import WholePage, part_of
from angarium.services.gateway.reading.filters import METADATA_PARAMETER, notification_filter
from angarium.services.gateway.reading.use_cases import Reading

PATH = "/api/v1/notifications"
Reader = Annotated[Caller, Depends(requires_or_user(Scope.NOTIFICATIONS_READ))]
"""Also admits a logged-in user, who sees only their own notifications."""
Wanted = Annotated[NotificationFilter, Depends(notification_filter)]


def routes(reading: Reading) -> APIRouter:
    """List, read, timeline, explanation."""
    router = APIRouter(prefix=PATH, tags=["notifications"])

    @router.get("", openapi_extra={"parameters": [METADATA_PARAMETER]})
    async def list_notifications(caller: Reader, page: Page, wanted: Wanted) -> Envelope[list[NotificationView]]:
        """Notifications, newest first; a logged-in user sees their own."""
        found = await reading.find(caller, wanted, page)
        return many(found.rows, total=found.total, limit=page.limit, page=page.page, next_cursor=found.next_cursor)

    @router.get("/{notification_id}/status", name="get_notification_status")
    @router.get("/{notification_id}", name="get_notification")
    async def get_notification(caller: Reader, notification_id: UUID) -> Envelope[NotificationView]:
        """The current state of one notification."""
        return one(await reading.get(caller, notification_id))

    @router.get("/{notification_id}/events")
    async def list_notification_events(
        caller: Reader, notification_id: UUID, page: WholePage
    ) -> Envelope[list[dict[str, Any]]]:
        """The timeline, oldest first; all of it unless a page is requested."""
        return part_of(await reading.events(caller, notification_id), page)

    @router.get("/{notification_id}/why")
    async def explain_notification(caller: Reader, notification_id: UUID) -> Envelope[Why]:
        """An explanation of its status in plain English: every decision, and the providers' answers."""
        return one(await reading.why(caller, notification_id))

    return router
