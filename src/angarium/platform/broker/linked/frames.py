"""What the two ends of a linked broker say to each other."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from angarium.platform.broker.port import Outgoing

DECLARE: Final = "broker.declare"
PUBLISH: Final = "broker.publish"
STATS: Final = "broker.stats"
PROBLEM: Final = "broker.problem"
CONSUME: Final = "broker.consume"
STOP: Final = "broker.stop"
CLOSE: Final = "broker.close"
"""Questions of the child."""
SETTLE: Final = "broker.settle"
"""A message of the child."""
DELIVERED: Final = "broker.delivered"
ENDED: Final = "broker.ended"
LATE: Final = "broker.late"
"""Messages of the parent. ENDED and CLOSE carry a consumer's number, as STOP does."""


class Publish(msgspec.Struct, array_like=True, frozen=True):
    """Messages to publish. `number` identifies the call in LATE; 0: late confirms are not wanted."""

    number: int
    messages: Sequence[Outgoing]


class Late(msgspec.Struct, array_like=True, frozen=True):
    """A message of a `Publish` that was confirmed late: its index."""

    number: int
    index: int


class Consume(msgspec.Struct, array_like=True, frozen=True):
    """A new consumer."""

    number: int
    queue: str
    prefetch: int


class Settle(msgspec.Struct, array_like=True, frozen=True):
    """Deliveries of a consumer that are acknowledged, or requeued with `release`."""

    number: int
    tags: Sequence[int]
    release: bool


class Arrived(msgspec.Struct, array_like=True, frozen=True):
    """A delivery; `tag` identifies it within its consumer."""

    tag: int
    routing_key: str
    body: bytes
    message_id: str | None
    headers: Mapping[str, str]
    redelivered: bool


class Delivered(msgspec.Struct, array_like=True, frozen=True):
    """Deliveries of a consumer, in the order of its queue."""

    number: int
    deliveries: Sequence[Arrived]


class Size(msgspec.Struct, array_like=True, frozen=True):
    """As `QueueStats`."""

    name: str
    messages: int
    consumers: int
