"""The queue message of a notification: a pointer to its record."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from angarium.contracts.fields import rfc3339
from angarium.contracts.messages import SCHEMA_VERSION, WORK_EXCHANGE, QueueMessage, routing_key
from angarium.contracts.statuses import Channel
from angarium.notifications.model import OutboxKey, OutboxKind, OutboxMessage
from angarium.platform.telemetry.correlation import CORRELATION_HEADER, TRACEPARENT_HEADER

_ENCODER = msgspec.json.Encoder()
_LARGE = 65_536
"""Bytes of a body above which only a pointer is republished. Our own messages are far smaller."""
_LONGEST_HEADER = 255


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
    def traceparent(self) -> str | None: ...
    @property
    def expires_at(self) -> datetime | None: ...


def work_message(work: Work) -> OutboxMessage:
    """The message for `work`, routed to the lane of its channel and priority."""
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
        traceparent=work.traceparent,
    )


def pointer(body: bytes, notification_id: UUID) -> bytes:
    """A work message for `notification_id`: `body` without `variables`, which foreign messages may have.

    A large or unreadable body is replaced by a bare pointer to the record.
    """
    if len(body) <= _LARGE:
        try:
            members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            members.pop("variables", None)
            return _ENCODER.encode(members)
        except (ValueError, RecursionError):
            pass
    return _ENCODER.encode(
        {"schema_version": SCHEMA_VERSION, "request_id": "", "notification_id": str(notification_id)}
    )


def carried_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a message takes along when it is published again: its correlation id and its trace.

    A publisher's other headers might not fit into one frame with ours, which would end the connection.
    """
    return {
        name: value
        for name in (CORRELATION_HEADER, TRACEPARENT_HEADER)
        if (value := headers.get(name, "")) and len(value.encode("utf-8", "replace")) <= _LONGEST_HEADER
    }
