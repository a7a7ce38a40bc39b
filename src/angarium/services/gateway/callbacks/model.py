"""Value types of callbacks: leased callbacks, answers of endpoints, recorded attempts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from angarium.contracts.statuses import Status


class State(StrEnum):
    """The state of a callback."""

    PENDING = "pending"  # due at its `next_at`
    DELIVERED = "delivered"  # answered with 2xx
    FAILED = "failed"  # the schedule is over
    DISABLED = "disabled"  # its endpoint is


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A callback leased until `leased_until`, with the data of its body. `tries`: the number of earlier attempts."""

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
        """The same for every attempt, so that receivers can detect duplicates."""
        return f"msg_{self.id.hex}"

    @property
    def endpoint_hash(self) -> str:
        """The unit that is disabled: the URL without its query and fragment."""
        return endpoint_hash(self.url)


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one attempt: a status, or an `error` text. `retry_after`: the wait that the endpoint requested."""

    at: datetime
    duration_ms: int
    status_code: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """An attempt to record. `wait`: until the next one; None: there is none."""

    callback: Callback
    answer: Answer
    state: State
    wait: timedelta | None = None

    @property
    def gone(self) -> bool:
        """Whether the endpoint asks not to be called again (410)."""
        return self.state is State.DISABLED and not self.callback.disabled


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A recorded attempt."""

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
