"""The broker as the rest of Angarium sees it: publish with confirms, consume in batches, delay, count.

Every adapter guarantees, as `tests/conformance/broker` checks:

- `publish` returns for each message whether the broker accepted it durably in every bound queue. A message without a
  bound queue, or refused by a full queue, is not accepted; the caller still has it in its record.
- An unacknowledged delivery is redelivered as soon as its consumer closes or its connection ends.
- Delivery is at least once and may be out of order. Consumers rely on the record, not on the message.

Messages are Structs, which are created several times faster than frozen dataclasses.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import msgspec

from angarium.contracts.errors import SettingsError, Transient


class BrokerUnavailable(Transient):
    """The broker does not answer"""


class TopologyConflict(SettingsError):
    """A queue or exchange exists with other arguments than configured; the message names it"""


@dataclass(frozen=True, slots=True)
class Binding:
    """Routes messages from `exchange` with `routing_key` to the queue."""

    exchange: str
    routing_key: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue and its bindings. `ttl` and `max_length` as configured; None: no limit."""

    name: str
    bindings: tuple[Binding, ...]
    ttl: timedelta | None = None
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """The exchanges and queues that must exist before the first message.

    `delays`: there is one delay queue for each, and `publish(..., delay=d)` accepts these values only. Delayed messages
    return to the first of `direct_exchanges`. Messages that expire in a queue with a `ttl` go there too, with
    `dead_letter_key`. `delay_exchange` and `delay_queue` are name patterns for brokers that need them; `{ms}` is the
    delay in milliseconds.
    """

    direct_exchanges: tuple[str, ...]
    topic_exchanges: tuple[str, ...]
    queues: tuple[Queue, ...]
    delays: tuple[timedelta, ...]
    dead_letter_key: str = "dead"
    delay_exchange: str = "delay.{ms}"
    delay_queue: str = "delay.{ms}.queue"


def milliseconds(delay: timedelta) -> int:
    """A delay in whole milliseconds, as used in names and by brokers."""
    return round(delay.total_seconds() * 1000)


class Outgoing(msgspec.Struct, frozen=True):
    """A message to publish.

    `message_id` is unique among the messages being published. With a `delay` it is delivered to
    (exchange, routing_key) once that time has passed, never before.
    """

    exchange: str
    routing_key: str
    body: bytes
    message_id: str
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    delay: timedelta | None = None
    mandatory: bool = True


Late = Callable[[int], None]
"""Called (not awaited) for a message confirmed after its publish had timed out. Must not raise."""


class Delivery(msgspec.Struct, frozen=True, eq=False):
    """A received message that is not yet acknowledged. `handle` belongs to the adapter."""

    queue: str
    routing_key: str
    body: bytes
    message_id: str | None
    headers: Mapping[str, str]
    redelivered: bool
    handle: object


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The number of ready messages and of consumers of a queue."""

    name: str
    messages: int
    consumers: int


class Consumer(Protocol):
    """An open subscription to one queue; holds at most `prefetch` unacknowledged deliveries.

    Arrived deliveries are buffered in the consumer. A caller takes them in two steps with `wait` and `take`, if it must
    first decide how many it can process, or in one step with `receive`.
    """

    @property
    def waiting(self) -> int:
        """Number of buffered deliveries."""
        ...

    async def wait(self) -> None:
        """Return once a delivery has arrived. Takes none, so it can be cancelled without loss.

        Continues across reconnections. Raises BrokerUnavailable once the broker is closed by its owner.
        """
        ...

    def take(self, limit: int) -> Sequence[Delivery]:
        """Take up to `limit` buffered deliveries, oldest first.

        There may be fewer than `wait` saw: when the connection ends, deliveries that were not taken return to the
        queue.
        """
        ...

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for at least one delivery and take up to `limit`. Raises, and can be cancelled, as `wait`."""
        ...

    async def ack(self, deliveries: Collection[Delivery]) -> None:
        """Acknowledge deliveries. Never raises: a delivery whose connection has ended is redelivered."""
        ...

    async def release(self, deliveries: Collection[Delivery]) -> None:
        """Requeue deliveries unprocessed, for any consumer. Never raises."""
        ...

    async def stop(self) -> None:
        """Stop receiving and requeue what was not taken. Deliveries already taken can still be settled.

        Never raises. `wait` and `receive` must not be called after it.
        """
        ...


class Broker(Protocol):
    """A message broker."""

    async def declare(self, topology: Topology) -> None:
        """Create whatever is missing from `topology`. Idempotent. Raises BrokerUnavailable, TopologyConflict."""
        ...

    async def publish(self, messages: Sequence[Outgoing], *, late: Late | None = None) -> Sequence[bool]:
        """Publish messages and return, in order, whether each was confirmed.

        Returns within the adapter's publish timeout. A message without a confirm by then is False, although it may
        still arrive; if its confirm comes later, `late` is called with its index in `messages`. Until then a message
        with the same id is not published again and is False at once. Raises BrokerUnavailable when there is no
        connection, ValueError for a delay that the topology lacks or for a delayed message to an exchange other than
        the first direct one.
        """
        ...

    def consume(self, queue: str, *, prefetch: int) -> AbstractAsyncContextManager[Consumer]:
        """Subscribe to `queue`. On exit unacknowledged deliveries return to the queue."""
        ...

    async def stats(self, queues: Sequence[str]) -> Sequence[QueueStats]:
        """Return the queues' sizes, in order. Raises BrokerUnavailable."""
        ...

    async def ready(self) -> bool:
        """Whether there is a connection and the topology was declared on it, as last known; makes no request."""
        ...

    async def problem(self) -> str | None:
        """Why nothing can be published now, without confidential details; None if publishing works.

        Checked by publishing a message that is routed to no queue.
        """
        ...

    async def close(self) -> None:
        """Release every resource; idempotent."""
        ...
