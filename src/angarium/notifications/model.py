"""Value types of notifications: accepted, claimed, recorded and published.

Types used for every notification are Structs, which are created ten times faster than frozen dataclasses.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from angarium.contracts.messages import WORK_EXCHANGE
from angarium.contracts.statuses import Channel, DeliveryPolicy, Status
from angarium.notifications.options import NO_OPTIONS, Options

JsonText = str
"""A validated JSON document as text."""


class NewNotification(msgspec.Struct, frozen=True, kw_only=True):
    """A validated notification to be stored.

    `fingerprint` is a digest of the request's meaning: the same `request_id` with another fingerprint is a conflict.
    `test`: created with a test key, so it is never sent. `options`: `notifications.options.Options` as JSON. `files`:
    the contents of its attachments, in order, stored separately from the record.
    """

    id: UUID
    tenant: str
    caller: str
    request_id: str
    fingerprint: bytes
    channel: Channel
    template_code: str
    template_version: int
    locale: str
    priority: int
    correlation_id: str
    user_id: str | None = None
    recipient: JsonText | None = None
    category: str | None = None
    variables: JsonText = "{}"
    metadata: JsonText = "{}"
    policy: DeliveryPolicy = DeliveryPolicy.AT_LEAST_ONCE
    traceparent: str | None = None
    fallback: tuple[Channel, ...] = ()
    fallback_of: UUID | None = None
    callback_url: str | None = None
    send_at: datetime | None = None
    expires_at: datetime | None = None
    test: bool = False
    options: JsonText | None = None
    files: tuple[bytes, ...] = ()


class AcceptOutcome(StrEnum):
    """The outcome of an acceptance."""

    CREATED = "created"
    REPLAYED = "replayed"  # the same request was accepted before
    CONFLICT = "conflict"  # the request_id belongs to another request


class Acceptance(msgspec.Struct, frozen=True):
    """The durable record for a request; for a replay or a conflict the existing one."""

    outcome: AcceptOutcome
    notification_id: UUID
    status: Status
    created_at: datetime


class Event(msgspec.Struct, frozen=True):
    """An entry of the timeline. `data` has the fields of this kind of event (attempt, provider, answer, …)."""

    event: str
    at: datetime
    data: dict[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a notification ended without being sent: a code of the contract, and a message."""

    code: str
    message: str


class Claimed(msgspec.Struct, frozen=True):
    """A successful claim with the current record: only this worker may send it until the lease expires.

    `attempt` includes this attempt (1 is the first). `expired`: its `expires_at` has passed by the database's clock.
    `fallback`: the channels to try if this one fails permanently. `provider`: of the last attempt. `doubtful`: the last
    attempt's answer was lost, so this provider may have sent it.
    """

    id: UUID
    claim_token: UUID
    attempt: int
    tenant: str
    request_id: str
    channel: Channel
    user_id: str | None
    recipient: dict[str, Any] | None
    template_code: str
    template_version: int
    locale: str
    category: str | None
    priority: int
    variables: dict[str, Any]
    correlation_id: str
    traceparent: str | None
    policy: DeliveryPolicy
    expired: bool
    expires_at: datetime | None
    created_at: datetime
    provider: str | None = None
    test: bool = False
    fallback: tuple[Channel, ...] = ()
    doubtful: bool = False
    metadata: JsonText = "{}"
    options: Options = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class NotNow:
    """Another worker holds a valid lease, or it is not due: try again after `wait`."""

    id: UUID
    wait: timedelta


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """It has ended, became `unknown`, waits in the record for a later time, or (status None) does not exist."""

    id: UUID
    status: Status | None


Verdict = Claimed | NotNow | NothingToDo


class OutboxKind(StrEnum):
    """The kind of message in an outbox row; a notification has at most one row of each kind."""

    WORK = "work"
    DEAD_LETTER = "dead_letter"
    STATUS_EVENT = "status_event"


class OutboxKey(msgspec.Struct, frozen=True):
    """The key of an outbox row. `subject` is the notification, or the dead letter if there is none.

    `leased_until`: of a leased row, the end of that lease. A row that was enqueued again since then has another time.
    """

    subject: UUID
    kind: OutboxKind
    leased_until: datetime | None = None


class OutboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is stored until the broker confirms it."""

    key: OutboxKey
    routing_key: str
    body: bytes
    exchange: str = WORK_EXCHANGE
    correlation_id: str = ""
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDeadLetter:
    """A new dead letter. `payload`: the raw message if it was a foreign one (truncated)."""

    id: UUID
    tenant: str
    channel: Channel
    reason: Reason
    attempts: int
    notification_id: UUID | None = None
    template_code: str | None = None
    request_id: str | None = None
    correlation_id: str | None = None
    payload: str | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a claim: the new state and everything to record with it, atomically.

    It is written only while `claim_token` still holds the row in `sending`. `wait` sets when it is due again
    (`retrying`, `pending`, `scheduled`), counted from the database's current time. `burns_attempt=False` does not count
    the attempt.
    """

    id: UUID
    claim_token: UUID
    status: Status
    events: tuple[Event, ...] = ()
    reason: Reason | None = None
    provider: str | None = None
    provider_message_id: str | None = None
    wait: timedelta | None = None
    burns_attempt: bool = True
    dead_letter: NewDeadLetter | None = None
    outbox: tuple[OutboxMessage, ...] = ()


LeaseOf = tuple[UUID, UUID]
"""A lease: the notification and the claim token that holds it."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """The result of a renewal of leases.

    A lease in neither set is unchanged: another transaction has locked its row, so that no claim can take it.
    """

    prolonged: Collection[LeaseOf]
    lost: Collection[LeaseOf]


@dataclass(frozen=True, slots=True)
class Patience:
    """Additional grace periods of a sweep for overdue rows.

    `claims`: for `sending` rows with an expired lease, whose worker may be about to record the result. `lanes`: by
    routing key; a message published within that time may still be queued, and a second copy would only lengthen the
    queue.
    """

    claims: bool = False
    lanes: Mapping[str, timedelta] = field(default_factory=dict)


NO_WAITS = Patience()


@dataclass(frozen=True, slots=True)
class SweepReport:
    """The counts of one pass of the sweeper, and the notifications that it ended."""

    released: int = 0  # scheduled → pending
    requeued: int = 0  # published again
    expired: int = 0
    unknown: int = 0  # at_most_once whose worker died
    left: int = 0  # checked, and to be checked again later
    ended: Sequence["Ended"] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """A notification that reached a final status without a worker: `expired` or `unknown`."""

    id: UUID
    channel: Channel
    status: Status
