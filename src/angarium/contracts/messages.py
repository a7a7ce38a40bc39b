"""The broker's contract: the names of the topology, and the queue messages.

The names are part of the public contract: other programs may publish and consume with them.
"""

from typing import Any

import msgspec

from angarium.contracts.notifications import URGENT_PRIORITY
from angarium.contracts.statuses import Channel

SCHEMA_VERSION = 1
WORK_EXCHANGE = "notifications.direct"
EVENTS_EXCHANGE = "notifications.events"
FAILED_QUEUE = "failed.queue"
FAILED_KEY = "failed"
RETRY_EXCHANGE = "notifications.retry.{ms}"
"""The exchange of a delay of `{ms}` milliseconds."""
RETRY_QUEUE = "retry.{ms}.queue"


def work_queue(channel: Channel) -> str:
    """The main queue of a channel, bound with the channel's name."""
    return f"{channel}.queue"


def urgent_queue(channel: Channel) -> str:
    """The urgent lane of a channel."""
    return f"{channel}.urgent.queue"


def light_queue(channel: Channel) -> str:
    """The light lane of a channel, for tenants with little work while another tenant has a backlog."""
    return f"{channel}.light.queue"


def light_key(channel: Channel) -> str:
    """Routing key of the light lane on `notifications.direct`."""
    return f"{channel}.light"


def routing_key(channel: Channel, priority: int) -> str:
    """Routing key of a notification on `notifications.direct`: its channel, or the channel's urgent lane."""
    return f"{channel}.urgent" if priority >= URGENT_PRIORITY else str(channel)


class QueueMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One unit of work: a pointer to the record, which has everything else.

    A message of another program may have only `user_id`, `template_code`, `variables` and `request_id`; it is matched
    to its notification by `request_id` within `tenant`. `variables` must be an object and is ignored; our own messages
    omit it, except those of older versions.
    """

    request_id: str
    user_id: str | None = None
    template_code: str | None = None
    variables: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    schema_version: int = SCHEMA_VERSION
    notification_id: str | None = None
    tenant: str = "default"
    notification_type: str | None = None
    template_version: int | None = None
    locale: str | None = None
    priority: int = 5
    correlation_id: str | None = None
    expires_at: str | None = None


class FailedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message of `failed.queue`: a pointer to the dead letter, and the reason as text."""

    id: str
    notification_id: str | None
    tenant: str
    channel: str
    template_code: str | None
    request_id: str | None
    reason: dict[str, str]
    attempts: int
    correlation_id: str | None
    failed_at: str
    schema_version: int = SCHEMA_VERSION
    payload: str | None = None


class StatusEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A status event of `notifications.events`, with the routing key `{channel}.{status}`.

    Published at least once, without a guaranteed order. `occurred_at` (RFC 3339) is the time of the change.
    """

    notification_id: str
    tenant: str
    request_id: str
    notification_type: str
    user_id: str | None
    template_code: str
    status: str
    previous_status: str
    attempts: int
    provider: str | None
    reason: dict[str, str] | None
    correlation_id: str
    occurred_at: str
    schema_version: int = SCHEMA_VERSION


def decode_status_event(body: bytes) -> StatusEvent:
    """Decode a message's event. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(body, type=StatusEvent)
