"""Bodies of callbacks in the API."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from angarium.contracts.fields import Body, InstantField, Timestamp
from angarium.services.gateway.callbacks.model import Recorded


class CallbackAttempt(BaseModel):
    """One attempt of a callback; `next_at`: when the next one was due after it."""

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
    """`POST /api/v1/callbacks/replay`: callbacks of events from `from` on and before `to`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"from": "2026-11-20T09:00:00Z", "to": "2026-11-20T10:00:00Z"}]}
    )

    from_: Annotated[InstantField, Field(alias="from")]
    to: InstantField


class CallbackReplay(BaseModel):
    """The number of callbacks being sent again."""

    replayed: int


def attempt_view(attempt: Recorded) -> CallbackAttempt:
    """A recorded attempt."""
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
