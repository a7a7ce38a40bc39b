"""Routes of callback attempts and replays."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.errors import NotFound, ValidationFailed
from angarium.contracts.scopes import Scope
from angarium.notifications.store.read.notifications import NotificationReader
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.short_lists import WholePage, part_of
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.callbacks.store import CallbackStore
from angarium.services.gateway.callbacks.views import CallbackAttempt, CallbackRange, CallbackReplay, attempt_view

Reader = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_READ))]
Sender = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]


def routes(callbacks: CallbackStore, reader: NotificationReader, audit: AuditLog) -> APIRouter:
    """List attempts and replay callbacks. A replayed callback keeps its `webhook-id`, so receivers recognise it."""
    router = APIRouter(prefix="/api/v1", tags=["callbacks"])
    _attempts(router, callbacks, reader)
    _replay(router, callbacks, reader, audit)
    _replay_range(router, callbacks, audit)
    return router


def _attempts(router: APIRouter, callbacks: CallbackStore, reader: NotificationReader) -> None:
    @router.get("/notifications/{notification_id}/callbacks")
    async def list_callback_attempts(
        caller: Reader, notification_id: UUID, page: WholePage
    ) -> Envelope[list[CallbackAttempt]]:
        """Every attempt of a notification's callbacks, oldest first; all of them unless a page is requested."""
        await _must_be(reader, caller, notification_id)
        found = await callbacks.attempts(caller.tenant, notification_id)
        return part_of([attempt_view(attempt) for attempt in found], page)


def _replay(router: APIRouter, callbacks: CallbackStore, reader: NotificationReader, audit: AuditLog) -> None:
    @router.post("/notifications/{notification_id}/callbacks/replay")
    async def replay_callbacks(request: Request, caller: Sender, notification_id: UUID) -> Envelope[CallbackReplay]:
        """Send a notification's callbacks again, from the start of the schedule; enables a disabled endpoint."""
        await _must_be(reader, caller, notification_id)
        await _note(audit, request, caller, str(notification_id))
        replayed = await callbacks.replay(caller.tenant, notification_id)
        return one(CallbackReplay(replayed=replayed), "Callbacks replayed")


def _replay_range(router: APIRouter, callbacks: CallbackStore, audit: AuditLog) -> None:
    @router.post("/callbacks/replay")
    async def replay_callbacks_in_range(
        request: Request, caller: Sender, body: CallbackRange
    ) -> Envelope[CallbackReplay]:
        """Send every callback of a time range again; enables disabled endpoints."""
        _check(body.from_, body.to)
        await _note(audit, request, caller, body.model_dump_json(by_alias=True))
        replayed = await callbacks.replay_range(caller.tenant, body.from_, body.to)
        return one(CallbackReplay(replayed=replayed), "Callbacks replayed")


async def _must_be(reader: NotificationReader, caller: Caller, notification_id: UUID) -> None:
    if await reader.get(caller.tenant, notification_id) is None:
        raise NotFound


async def _note(audit: AuditLog, request: Request, caller: Caller, subject: str) -> None:
    """Write the audit entry before the action, which is not done if that fails."""
    await audit.write(audit.entry(actor_of(request, caller), "callbacks.replayed", subject))


def _check(start: datetime, end: datetime) -> None:
    if end <= start:
        raise ValidationFailed.of("to", "must be later than from")
