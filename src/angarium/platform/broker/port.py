"""The broker as the rest of Angarium sees it: publish with confirms, consume in batches, delay, count.

Guarantees every adapter gives, held by `tests/conformance/broker`:

- `publish` answers for each message whether the broker took it: durable in every bound queue. A message that
  no queue is bound for, or that a full queue refuses, is not taken; the caller's record keeps it.
- A delivery that is not acknowledged comes again: at once when its consumer closes, or its connection ends.
- Delivery is at least once and may be out of order. A consumer decides by the record, not by the message.

Messages are Structs, which are made several times as fast as frozen dataclasses.
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
    """Messages to `exchange` with `routing_key` go to the queue."""

    exchange: str
    routing_key: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue and where its messages come from. `ttl` and `max_length` as configured; None: no limit."""

    name: str
    bindings: tuple[Binding, ...]
    ttl: timedelta | None = None
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that must be there before the first message.

    `delays`: one delay queue is kept for each; `publish(..., delay=d)` takes exactly these, and gives a message
    back to the first of `direct_exchanges`: delayed messages go there only. What expires in a queue with a `ttl` goes
    there too, under `dead_letter_key`.
    `delay_exchange` and `delay_queue` name what serves a delay, where a broker needs such; `{ms}` is its milliseconds.
    """

    direct_exchanges: tuple[str, ...]
    topic_exchanges: tuple[str, ...]
    queues: tuple[Queue, ...]
    delays: tuple[timedelta, ...]
    dead_letter_key: str = "dead"
    delay_exchange: str = "delay.{ms}"
    delay_queue: str = "delay.{ms}.queue"


def milliseconds(delay: timedelta) -> int:
    """Whole milliseconds of a delay, as names and brokers have them."""
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
"""Called, not awaited, for a message that was taken after its publish had given up waiting. Must not raise."""


class Delivery(msgspec.Struct, frozen=True, eq=False):
    """A message that was received and not yet acknowledged. `handle` belongs to the adapter."""

    queue: str
    routing_key: str
    body: bytes
    message_id: str | None
    headers: Mapping[str, str]
    redelivered: bool
    handle: object


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How many messages are ready in a queue, and how many consumers it has."""

    name: str
    messages: int
    consumers: int


class Consumer(Protocol):
    """An open subscription to one queue; holds at most `prefetch` unacknowledged deliveries.

    Deliveries that have arrived wait in the consumer until they are taken: one after the other with `wait` and `take`,
    by a caller that has to decide in between how many it can work on, or in one step with `receive`.
    """

    @property
    def waiting(self) -> int:
        """How many deliveries have arrived and are not taken."""
        ...

    async def wait(self) -> None:
        """Return once a delivery has arrived. Takes none, so cancelling it loses none.

        Survives reconnections: it waits until the broker is back. Raises BrokerUnavailable once the broker is closed
        by its owner.
        """
        ...

    def take(self, limit: int) -> Sequence[Delivery]:
        """0 to `limit` of the deliveries that have arrived, oldest first.

        There may be fewer than `wait` saw: when the connection ends, what was not taken goes back to the queue.
        """
        ...

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """1 to `limit` deliveries: what is there, or the first that comes. Waits, fails and is cancelled as `wait`."""
        ...

    async def ack(self, deliveries: Collection[Delivery]) -> None:
        """Done with these. Never raises: a delivery whose connection has ended comes again."""
        ...

    async def release(self, deliveries: Collection[Delivery]) -> None:
        """Give these back to the queue unprocessed, for any consumer. Never raises."""
        ...

    async def stop(self) -> None:
        """Get no more, and give what was not taken back to the queue. What was taken can still be settled.

        Never raises. `wait` and `receive` must not be called after it.
        """
        ...


class Broker(Protocol):
    """A message broker."""

    async def declare(self, topology: Topology) -> None:
        """Make everything in `topology` exist; idempotent. Raises BrokerUnavailable, TopologyConflict."""
        ...

    async def publish(self, messages: Sequence[Outgoing], *, late: Late | None = None) -> Sequence[bool]:
        """For each message whether it is confirmed as taken, in order.

        Never hangs longer than the adapter's publish timeout; a message without a confirm by then is False
        (it may still arrive), and when its confirm comes after all, `late` is called with its place in `messages`.
        Until then a message of the same id is not published again, and is False at once. Raises BrokerUnavailable when
        there is no connection, ValueError for a delay that the topology lacks or for a delayed message to another
        exchange than its first direct one.
        """
        ...

    def consume(self, queue: str, *, prefetch: int) -> AbstractAsyncContextManager[Consumer]:
        """Subscribe to `queue`. On exit what is unacknowledged goes back to the queue."""
        ...

    async def stats(self, queues: Sequence[str]) -> Sequence[QueueStats]:
        """The queues' sizes, in order. Raises BrokerUnavailable."""
        ...

    async def ready(self) -> bool:
        """Whether there is a connection and the declared topology exists, as far as is known without asking."""
        ...

    async def problem(self) -> str | None:
        """Why nothing can be published now, in words that anyone may read; None when it can.

        Proved by publishing a message that no queue gets.
        """
        ...

    async def close(self) -> None:
        """Release every resource; idempotent."""
        ...
