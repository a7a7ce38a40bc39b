"""The queue message of a notification: a pointer to its record."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from angarium.contracts.fields import rfc3339
from angarium.contracts.messages import WORK_EXCHANGE, QueueMessage, routing_key
from angarium.contracts.statuses import Channel
from angarium.notifications.model import OutboxKey, OutboxKind, OutboxMessage

_ENCODER = msgspec.json.Encoder()


class Work(Protocol):
    """The fields of a queue message: a NewNotification, or a row of the store."""

    @property
    def id(self) -> UUID: ...
    @property
    def tenant(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def channel(self) -> Channel: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def template_code(self) -> str: ...
    @property
    def template_version(self) -> int: ...
    @property
    def locale(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def correlation_id(self) -> str: ...
    @property
    def expires_at(self) -> datetime | None: ...


def work_message(work: Work) -> OutboxMessage:
    """The message that brings `work` to its channel's workers, in the lane of its priority."""
    message = QueueMessage(
        request_id=work.request_id,
        user_id=work.user_id,
        template_code=work.template_code,
        notification_id=str(work.id),
        tenant=work.tenant,
        notification_type=work.channel,
        template_version=work.template_version,
        locale=work.locale,
        priority=work.priority,
        correlation_id=work.correlation_id,
        expires_at=None if work.expires_at is None else rfc3339(work.expires_at),
    )
    return OutboxMessage(
        key=OutboxKey(work.id, OutboxKind.WORK),
        exchange=WORK_EXCHANGE,
        routing_key=routing_key(work.channel, work.priority),
        body=_ENCODER.encode(message),
        correlation_id=work.correlation_id,
    )


def without_variables(body: bytes) -> bytes:
    """`body`, a JSON object, without the member `variables`, which foreign messages may have."""
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    members.pop("variables", None)
    return _ENCODER.encode(members)
