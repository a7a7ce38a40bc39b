"""The values that describe a notification: what is accepted, claimed, recorded and published.

Those that every notification has are Structs, which are made ten times as fast as frozen dataclasses.
"""

from collections.abc import Collection, Mapping
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
"""A JSON document as text, already checked."""


class NewNotification(msgspec.Struct, frozen=True, kw_only=True):
    """A notification that passed every check and is to be made durable.

    `fingerprint` is a digest of the request's meaning: the same `request_id` with another fingerprint is a conflict.
    `test`: made with a test key, so nothing of it leaves. `options`: `notifications.options.Options` as JSON. `files`:
    what its attachments hold, in their order; stored beside the record.
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
    """What became of an acceptance."""

    CREATED = "created"
    REPLAYED = "replayed"  # the same request was accepted before
    CONFLICT = "conflict"  # the request_id belongs to another request


class Acceptance(msgspec.Struct, frozen=True):
    """The durable record that answers a request; for a replay or a conflict the one that was there before."""

    outcome: AcceptOutcome
    notification_id: UUID
    status: Status
    created_at: datetime


class Event(msgspec.Struct, frozen=True):
    """One line of the timeline. `data` holds what the kind of event adds (attempt, provider, answer, …)."""

    event: str
    at: datetime
    data: dict[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a notification ended otherwise than sent: a code of the contract, and words."""

    code: str
    message: str


class Claimed(msgspec.Struct, frozen=True):
    """The claim holds: this worker alone may send it until the lease ends. The current record.

    `attempt` counts this attempt (1 is the first). `expired`: its `expires_at` has passed, by the database's clock.
    `fallback`: the channels that are tried when this one fails for good. `provider`: of the last attempt. `doubtful`:
    the last attempt's answer was lost, so that this provider may have sent it.
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
    """Another worker holds a living lease, or its time has not come: look again after `wait`."""

    id: UUID
    wait: timedelta


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """It has ended, was given up as unknown, waits in the record for a later time, or (status None) is not there."""

    id: UUID
    status: Status | None


Verdict = Claimed | NotNow | NothingToDo


class OutboxKind(StrEnum):
    """What an outbox row publishes; a notification has at most one row of each kind at a time."""

    WORK = "work"
    DEAD_LETTER = "dead_letter"
    STATUS_EVENT = "status_event"


class OutboxKey(msgspec.Struct, frozen=True):
    """Names one outbox row. `subject` is the notification, or the dead letter where there is none."""

    subject: UUID
    kind: OutboxKind


class OutboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that must reach the broker, kept until the broker confirms it."""

    key: OutboxKey
    routing_key: str
    body: bytes
    exchange: str = WORK_EXCHANGE
    correlation_id: str = ""
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDeadLetter:
    """What could not be sent. `payload`: the raw message, where it was a foreign one (size-capped)."""

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
    """What a claim led to: the state to move to and all that is to be recorded with it, in one piece.

    It is written only while `claim_token` still holds the row in `sending`. `wait` sets when it is due again
    (`retrying`, `pending`, `scheduled`), from the database's now. `burns_attempt=False` gives the attempt back.
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
    """What became of leases that were to be prolonged.

    One in neither set is as it was: another transaction has its row locked at the moment, so that no claim can take it.
    """

    prolonged: Collection[LeaseOf]
    lost: Collection[LeaseOf]


@dataclass(frozen=True, slots=True)
class Patience:
    """What a sweep leaves alone for a while longer, though it is overdue.

    `claims`: what is `sending` and whose lease has ended, since its worker may be about to record the result.
    `lanes`: by routing key; a message that was published within that time may still wait in its queue, so a second copy
    would only make the queue longer.
    """

    claims: bool = False
    lanes: Mapping[str, timedelta] = field(default_factory=dict)


NO_WAITS = Patience()


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one pass of the sweeper moved on."""

    released: int = 0  # scheduled → pending
    requeued: int = 0  # published again
    expired: int = 0
    unknown: int = 0  # at_most_once whose worker died
    left: int = 0  # looked at, to be looked at again later
