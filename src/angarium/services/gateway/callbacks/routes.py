"""Attempts at status callbacks, and sending them again."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.errors import NotFound, ValidationFailed
from angarium.contracts.fields import Body, InstantField, Timestamp
from angarium.contracts.scopes import Scope
from angarium.notifications.store.reader import NotificationReader
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.callbacks.model import Recorded
from angarium.services.gateway.callbacks.store import CallbackStore

LONGEST_RANGE = timedelta(days=31)
Reader = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_READ))]
Sender = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]


class CallbackAttempt(BaseModel):
    """One attempt at a callback; `next_at`: when the next one was due after it."""

    id: UUID
    callback_id: UUID
    type: str
    attempt: int
    at: Timestamp
    status_code: int | None
    error: str | None
    duration_ms: int
    next_at: Timestamp | None


class CallbackRange(Body):
    """`POST /api/v1/callbacks/replay`: callbacks of what happened from `from` on and before `to`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"from": "2026-11-20T09:00:00Z", "to": "2026-11-20T10:00:00Z"}]}
    )

    from_: Annotated[InstantField, Field(alias="from")]
    to: InstantField


class CallbackReplay(BaseModel):
    """How many callbacks are on their way again."""

    replayed: int


class CallbackRoutes:
    """A replayed callback keeps its `webhook-id`, so that a receiver who has it can tell."""

    def __init__(self, callbacks: CallbackStore, reader: NotificationReader, audit: AuditLog) -> None:
        self._callbacks = callbacks
        self._reader = reader
        self._audit = audit

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api/v1", tags=["callbacks"])
        router.add_api_route(
            "/notifications/{notification_id}/callbacks",
            self.attempts,
            name="list_callback_attempts",
            methods=["GET"],
            response_model=Envelope[list[CallbackAttempt]],
        )
        router.add_api_route(
            "/notifications/{notification_id}/callbacks/replay",
            self.replay,
            name="replay_callbacks",
            methods=["POST"],
            response_model=Envelope[CallbackReplay],
        )
        router.add_api_route(
            "/callbacks/replay",
            self.replay_range,
            name="replay_callbacks_in_range",
            methods=["POST"],
            response_model=Envelope[CallbackReplay],
        )
        return router

    async def attempts(self, caller: Reader, notification_id: UUID) -> Envelope[list[CallbackAttempt]]:
        """Every attempt at a notification's callbacks, oldest first."""
        await self._must_be(caller, notification_id)
        found = [_shown(attempt) for attempt in await self._callbacks.attempts(caller.tenant, notification_id)]
        return many(found, total=len(found), limit=max(1, len(found)), page=1)

    async def replay(self, request: Request, caller: Sender, notification_id: UUID) -> Envelope[CallbackReplay]:
        """Send a notification's callbacks again, from the beginning of the schedule; enables a disabled endpoint."""
        await self._must_be(caller, notification_id)
        await self._note(request, caller, str(notification_id))
        replayed = await self._callbacks.replay(caller.tenant, notification_id)
        return one(CallbackReplay(replayed=replayed), "Callbacks replayed")

    async def replay_range(self, request: Request, caller: Sender, body: CallbackRange) -> Envelope[CallbackReplay]:
        """Send every callback of a time range (31 days at most) again; enables disabled endpoints."""
        _check(body.from_, body.to)
        await self._note(request, caller, body.model_dump_json(by_alias=True))
        replayed = await self._callbacks.replay_range(caller.tenant, body.from_, body.to)
        return one(CallbackReplay(replayed=replayed), "Callbacks replayed")

    async def _must_be(self, caller: Caller, notification_id: UUID) -> None:
        if await self._reader.get(caller.tenant, notification_id) is None:
            raise NotFound

    async def _note(self, request: Request, caller: Caller, subject: Any) -> None:
        """Write the audit entry, before the act: what cannot be audited is not done."""
        await self._audit.write(self._audit.entry(actor_of(request, caller), "callbacks.replayed", subject))


def _check(start: datetime, end: datetime) -> None:
    if end <= start:
        raise ValidationFailed.of("to", "must be later than from")
    if end - start > LONGEST_RANGE:
        raise ValidationFailed.of("to", f"must lie at most {LONGEST_RANGE.days} days after from")


def _shown(attempt: Recorded) -> CallbackAttempt:
    return CallbackAttempt(
        id=attempt.id,
        callback_id=attempt.callback_id,
        type=f"notification.{attempt.status}",
        attempt=attempt.attempt,
        at=attempt.at,
        status_code=attempt.status_code,
        error=attempt.error,
        duration_ms=attempt.duration_ms,
        next_at=attempt.next_at,
    )
