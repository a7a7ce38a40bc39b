"""The values of callbacks: what is leased, what an endpoint answered, what is recorded of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from angarium.contracts.statuses import Status


class State(StrEnum):
    """Where a callback stands."""

    PENDING = "pending"  # due at its `next_at`
    DELIVERED = "delivered"  # answered with 2xx
    FAILED = "failed"  # the schedule is over
    DISABLED = "disabled"  # its endpoint is


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A callback that is leased until `leased_until`; with it, what its body tells. `tries`: the attempts before."""

    id: UUID
    tenant: str
    notification_id: UUID
    url: str
    origin: str
    status: Status
    reason_code: str | None
    reason_message: str | None
    occurred_at: datetime
    tries: int
    leased_until: datetime
    request_id: str
    user_id: str | None
    metadata: dict[str, Any]
    correlation_id: str
    traceparent: str | None
    disabled: bool = False

    @property
    def type(self) -> str:
        """The event's name in the body."""
        return f"notification.{self.status}"

    @property
    def webhook_id(self) -> str:
        """The same for every attempt, so that a receiver can tell a repetition."""
        return f"msg_{self.id.hex}"

    @property
    def endpoint_hash(self) -> str:
        """What is disabled as one: the URL without what changes from call to call."""
        return endpoint_hash(self.url)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt: a status, or an `error` in words. `retry_after`: what the endpoint asks for."""

    at: datetime
    duration_ms: int
    status_code: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """An attempt to be recorded. `wait`: until the next one; None: there is none."""

    callback: Callback
    answer: Answer
    state: State
    wait: timedelta | None = None

    @property
    def gone(self) -> bool:
        """Whether the endpoint itself asks never to be called again (410)."""
        return self.state is State.DISABLED and not self.callback.disabled


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One attempt as it was recorded."""

    id: UUID
    callback_id: UUID
    status: Status
    attempt: int
    at: datetime
    status_code: int | None
    error: str | None
    duration_ms: int
    next_at: datetime | None


def endpoint_hash(url: str) -> str:
    """The SHA-256 of `url` without query and fragment, in hex."""
    return sha256(url.partition("#")[0].partition("?")[0].encode()).hexdigest()
