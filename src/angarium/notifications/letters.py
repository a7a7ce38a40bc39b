"""Dead letters: the record of a message that cannot be sent, and its message for `failed.queue`."""

from datetime import datetime
from uuid import UUID

import msgspec

from angarium.contracts.fields import rfc3339
from angarium.contracts.messages import FAILED_KEY, FailedMessage
from angarium.contracts.statuses import Channel
from angarium.notifications.model import Claimed, NewDeadLetter, OutboxKey, OutboxKind, OutboxMessage, Reason

PAYLOAD_LIMIT = 16_384
"""Characters of a foreign message that are stored for inspection."""


def letter_of(claimed: Claimed, reason: Reason, *, letter_id: UUID, attempts: int) -> NewDeadLetter:
    """The dead letter of a permanently failed notification."""
    return NewDeadLetter(
        id=letter_id,
        tenant=claimed.tenant,
        channel=claimed.channel,
        reason=reason,
        attempts=attempts,
        notification_id=claimed.id,
        template_code=claimed.template_code,
        request_id=claimed.request_id,
        correlation_id=claimed.correlation_id,
    )


def foreign_letter(
    body: bytes, reason: Reason, *, letter_id: UUID, channel: Channel, tenant: str = "default"
) -> NewDeadLetter:
    """The dead letter of a foreign message, with its truncated payload.

    Makes payload and reason storable: replaces invalid UTF-8, and NUL, which PostgreSQL refuses.
    """
    payload = _storable(body[: PAYLOAD_LIMIT * 4])[:PAYLOAD_LIMIT]
    safe = Reason(reason.code, _storable(reason.message.encode("utf-8", "replace")))
    return NewDeadLetter(id=letter_id, tenant=tenant, channel=channel, reason=safe, attempts=1, payload=payload)


def failed_message(letter: NewDeadLetter, failed_at: datetime) -> OutboxMessage:
    """The message for `failed.queue` about `letter`."""
    message = FailedMessage(
        id=str(letter.id),
        notification_id=str(letter.notification_id) if letter.notification_id else None,
        tenant=letter.tenant,
        channel=letter.channel,
        template_code=letter.template_code,
        request_id=letter.request_id,
        reason={"code": letter.reason.code, "message": letter.reason.message},
        attempts=letter.attempts,
        correlation_id=letter.correlation_id,
        failed_at=rfc3339(failed_at),
        payload=letter.payload,
    )
    return OutboxMessage(
        key=OutboxKey(letter.id, OutboxKind.DEAD_LETTER),
        routing_key=FAILED_KEY,
        body=msgspec.json.encode(message),
        correlation_id=letter.correlation_id or "",
    )


def _storable(text: bytes) -> str:
    return text.decode("utf-8", "replace").replace("\x00", "\ufffd")
