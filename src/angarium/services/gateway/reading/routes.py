"""`/api/v1/notifications`: where a notification stands, its timeline, lists, cancellation."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.errors import NotFound, ValidationFailed
from angarium.contracts.fields import InstantField
from angarium.contracts.notifications import NotificationView, ResolveRequest, Why
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.store.reader import NotificationFilter, NotificationReader
from angarium.notifications.store.triggers.metadata import LONGEST
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import QUERY_PATTERN, Page, requires, requires_or_user
from angarium.platform.http.frame.openapi import conflict
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.moving.use_cases import Moves
from angarium.services.gateway.reading.why import explain

PATH = "/api/v1/notifications"
Reader = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_READ))]
OwnReader = Annotated[Caller, Depends(requires_or_user(Scope.NOTIFICATIONS_READ))]
"""Also a user who logged in, whom the route shows only what was sent to them."""
Sender = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]
Operator = Annotated[Caller, Depends(requires(Scope.DEAD_LETTERS_MANAGE))]
Word = Annotated[str, Query(max_length=255, pattern=r"^[^\x00]*$")]


_RESOLVED = {"sent": Status.SENT, "failed": Status.FAILED, "retry": Status.PENDING}
_METADATA = re.compile(r"metadata(?:\.([^\x00]+)|\[([^\x00\[\]]+)\])", re.DOTALL)
_METADATA_LIMIT = 5


def _metadata(request: Request) -> tuple[tuple[str, str], ...]:
    """`metadata.order=42` or `metadata[order]=42`, up to five of them. Raises ValidationFailed."""
    wanted = []
    for name, value in request.query_params.multi_items():
        found = _METADATA.fullmatch(name)
        if found is None:
            continue
        if "\x00" in value or len(value) > LONGEST:
            raise ValidationFailed.of(name, f"must be at most {LONGEST} characters, without NUL")
        wanted.append((found[1] or found[2], value))
    if len(wanted) > _METADATA_LIMIT:
        raise ValidationFailed.of("metadata", f"at most {_METADATA_LIMIT} names at once")
    return tuple(wanted)


def _filter(
    request: Request,
    user_id: Word | None = None,
    status: Status | None = None,
    notification_type: Channel | None = None,
    template_code: Word | None = None,
    request_id: Word | None = None,
    since: Annotated[InstantField | None, Query(alias="from")] = None,
    until: Annotated[InstantField | None, Query(alias="to")] = None,
) -> NotificationFilter:
    return NotificationFilter(
        user_id=user_id,
        status=status,
        notification_type=notification_type,
        template_code=template_code,
        request_id=request_id,
        from_=since,
        to=until,
        metadata=_metadata(request),
    )


setattr(_filter, QUERY_PATTERN, _METADATA)


_METADATA_PARAMETER = {
    "name": "metadata",
    "in": "query",
    "required": False,
    "style": "deepObject",
    "explode": True,
    "schema": {"type": "object", "additionalProperties": {"type": "string", "maxLength": LONGEST}, "maxProperties": 5},
    "description": "Names and values of the metadata, compared as text: `metadata[order]=42`, or `metadata.order=42`.",
    "example": {"order": "42"},
}


class NotificationRoutes:
    """Reads the record; cancels."""

    def __init__(self, reader: NotificationReader, moves: Moves, audit: AuditLog) -> None:
        self._reader = reader
        self._moves = moves
        self._audit = audit

    def router(self) -> APIRouter:
        router = APIRouter(prefix=PATH, tags=["notifications"])
        router.add_api_route(
            "",
            self.find,
            name="list_notifications",
            methods=["GET"],
            response_model=Envelope[list[NotificationView]],
            openapi_extra={"parameters": [_METADATA_PARAMETER]},
        )
        named = (("get_notification", "/{notification_id}"), ("get_notification_status", "/{notification_id}/status"))
        for name, path in named:
            router.add_api_route(path, self.get, name=name, methods=["GET"], response_model=Envelope[NotificationView])
        router.add_api_route(
            "/{notification_id}/events",
            self.events,
            name="list_notification_events",
            methods=["GET"],
            response_model=Envelope[list[dict[str, Any]]],
        )
        router.add_api_route(
            "/{notification_id}/why",
            self.why,
            name="explain_notification",
            methods=["GET"],
            response_model=Envelope[Why],
        )
        router.add_api_route(
            "/{notification_id}/resolve",
            self.resolve,
            name="resolve_notification",
            responses=conflict("Its status is not unknown"),
            methods=["POST"],
            response_model=Envelope[NotificationView],
        )
        router.add_api_route(
            "/{notification_id}/cancel",
            self.cancel,
            name="cancel_notification",
            responses=conflict("It is sent, being sent or ended"),
            methods=["POST"],
            response_model=Envelope[NotificationView],
        )
        return router

    async def find(
        self, caller: OwnReader, page: Page, wanted: Annotated[NotificationFilter, Depends(_filter)]
    ) -> Envelope[list[NotificationView]]:
        """Notifications, newest first; a user who logged in sees their own."""
        if caller.user_id is not None:
            wanted = replace(wanted, user_id=str(caller.user_id))
        found = await self._reader.find(caller.tenant, wanted, page=page.page, limit=page.limit, cursor=page.cursor)
        return many(found.rows, total=found.total, limit=page.limit, page=page.page, next_cursor=found.next_cursor)

    async def get(self, caller: OwnReader, notification_id: UUID) -> Envelope[NotificationView]:
        """One notification as it stands."""
        return one(await self._view(caller, notification_id))

    async def events(self, caller: OwnReader, notification_id: UUID) -> Envelope[list[dict[str, Any]]]:
        """The timeline, oldest first."""
        if caller.user_id is not None:
            await self._view(caller, notification_id)
        events: Sequence[dict[str, Any]] | None = await self._reader.events(caller.tenant, notification_id)
        if events is None:
            raise NotFound
        return many(events, total=len(events), limit=max(1, len(events)), page=1)

    async def cancel(self, request: Request, caller: Sender, notification_id: UUID) -> Envelope[NotificationView]:
        """Take a notification back that is not on its way yet; else 409."""
        await self._moves.cancel(caller, notification_id)
        await self._audit.record(actor_of(request, caller), "notification.cancelled", notification_id)
        return one(await self._view_now(caller, notification_id), "Notification cancelled")

    async def why(self, caller: OwnReader, notification_id: UUID) -> Envelope[Why]:
        """Why it stands where it does, in plain words: every decision, and what the providers answered."""
        view = await self._view(caller, notification_id)
        events = await self._reader.events(caller.tenant, notification_id)
        return one(explain(view, events or ()))

    async def resolve(
        self, request: Request, caller: Operator, notification_id: UUID, body: ResolveRequest
    ) -> Envelope[NotificationView]:
        """Decide on one whose outcome is `unknown`: it was sent, it failed, or it is to be sent again; else 409."""
        await self._moves.resolve(caller, notification_id, _RESOLVED[body.as_])
        await self._audit.record(actor_of(request, caller), f"notification.resolved_as_{body.as_}", notification_id)
        return one(await self._view_now(caller, notification_id), "Notification resolved")

    async def _view_now(self, caller: Caller, notification_id: UUID) -> NotificationView:
        view = await self._reader.get_now(caller.tenant, notification_id)
        if view is None:
            raise NotFound
        return view

    async def _view(self, caller: Caller, notification_id: UUID) -> NotificationView:
        view = await self._reader.get(caller.tenant, notification_id)
        if view is None or (caller.user_id is not None and view.user_id != str(caller.user_id)):
            raise NotFound
        return view
