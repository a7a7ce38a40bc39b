"""One queue of the in-process broker and its consumers."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from angarium.platform.broker.port import BrokerUnavailable, Delivery


@dataclass(slots=True)
class Message:
    """A message in one queue. `expires_at`: seconds on the broker's monotonic clock."""

    routing_key: str
    body: bytes
    message_id: str
    headers: Mapping[str, str]
    expires_at: float | None = None
    redelivered: bool = False


@dataclass(frozen=True, slots=True)
class _Receipt:
    consumer: "MemoryConsumer"
    tag: int


class MemoryQueue:
    """A FIFO queue that serves its consumers in turn, each up to its prefetch.

    `monotonic` is the clock. `expired` receives each message whose TTL ended before delivery, `settled` the number of
    acknowledged messages.
    """

    def __init__(
        self,
        name: str,
        *,
        monotonic: Callable[[], float],
        expired: Callable[[Message], None],
        settled: Callable[[int], None],
    ) -> None:
        self.name = name
        self.ttl: timedelta | None = None
        self.max_length: int | None = None
        self.declared = False
        self.counted = True
        """Whether its messages count towards the broker's capacity."""
        self._settled = settled
        self._monotonic = monotonic
        self._expired = expired
        self._ready: deque[Message] = deque()
        self._consumers: deque[MemoryConsumer] = deque()

    @property
    def ready(self) -> int:
        """How many messages wait for a consumer."""
        return len(self._ready)

    @property
    def consumers(self) -> int:
        """How many consumers are subscribed."""
        return len(self._consumers)

    @property
    def full(self) -> bool:
        """Whether the next message would be refused."""
        return self.max_length is not None and len(self._ready) >= self.max_length

    def put(self, message: Message) -> None:
        """Add a message at the end."""
        self._ready.append(message)
        self.dispatch()

    def give_back(self, messages: Iterable[Message]) -> None:
        """Return delivered messages to the front, in their order, marked as redelivered."""
        returned = list(messages)
        for message in returned:
            message.redelivered = True
        self._ready.extendleft(reversed(returned))
        self.dispatch()

    def dispatch(self) -> None:
        """Deliver as many messages as the prefetch allows."""
        self.expire()
        while self._ready and (consumer := self._next_consumer()):
            consumer.arrive(self._ready.popleft())

    def expire(self) -> None:
        """Remove the expired messages at the head."""
        while self._ready:
            expires_at = self._ready[0].expires_at
            if expires_at is None or expires_at > self._monotonic():
                return
            self._expired(self._ready.popleft())

    def forget(self, count: int) -> None:
        """Count `count` messages as acknowledged."""
        if self.counted:
            self._settled(count)

    def subscribe(self, consumer: "MemoryConsumer") -> None:
        """Start delivering to `consumer`."""
        self._consumers.append(consumer)
        self.dispatch()

    def unsubscribe(self, consumer: "MemoryConsumer", unsettled: Iterable[Message]) -> None:
        """Stop delivering to `consumer` and requeue its unsettled messages."""
        self._consumers.remove(consumer)
        self.give_back(unsettled)

    def _next_consumer(self) -> "MemoryConsumer | None":
        for _ in range(len(self._consumers)):
            self._consumers.rotate(-1)
            if self._consumers[-1].has_credit:
                return self._consumers[-1]
        return None


class MemoryConsumer:
    """A subscription to a MemoryQueue."""

    def __init__(self, queue: MemoryQueue, prefetch: int) -> None:
        self._queue = queue
        self._prefetch = prefetch
        self._next_tag = 0
        self._unsettled: dict[int, Message] = {}
        self._arrived: deque[int] = deque()
        self._wake = asyncio.Event()
        self._broker_closed = False
        self._stopped = False

    @property
    def has_credit(self) -> bool:
        """Whether its prefetch allows one more message."""
        return not self._stopped and len(self._unsettled) < self._prefetch

    def arrive(self, message: Message) -> None:
        """Receive a message from the queue."""
        self._next_tag += 1
        self._unsettled[self._next_tag] = message
        self._arrived.append(self._next_tag)
        self._wake.set()

    @property
    def waiting(self) -> int:
        return len(self._arrived)

    async def wait(self) -> None:
        while not self._arrived:
            if self._broker_closed:
                raise BrokerUnavailable("the broker was closed")
            self._wake.clear()
            await self._wake.wait()

    def take(self, limit: int) -> Sequence[Delivery]:
        return [self._delivery(self._arrived.popleft()) for _ in range(min(limit, len(self._arrived)))]

    async def receive(self, limit: int) -> Sequence[Delivery]:
        await self.wait()
        return self.take(limit)

    async def ack(self, deliveries: Collection[Delivery]) -> None:
        self._queue.forget(len(self._settle(deliveries)))
        self._queue.dispatch()

    async def release(self, deliveries: Collection[Delivery]) -> None:
        self._queue.give_back(self._settle(deliveries))

    async def stop(self) -> None:
        self._stopped = True
        left = [self._unsettled.pop(tag) for tag in self._arrived]
        self._arrived.clear()
        self._queue.give_back(left)

    def close(self) -> None:
        """End the subscription and requeue unacknowledged messages."""
        unsettled = list(self._unsettled.values())
        self._unsettled.clear()
        self._arrived.clear()
        self._queue.unsubscribe(self, unsettled)

    def broker_closed(self) -> None:
        """End every wait, since no message will arrive."""
        self._broker_closed = True
        self._wake.set()

    def _settle(self, deliveries: Collection[Delivery]) -> list[Message]:
        tags = sorted(
            delivery.handle.tag
            for delivery in deliveries
            if isinstance(delivery.handle, _Receipt) and delivery.handle.consumer is self
        )
        return [message for tag in tags if (message := self._unsettled.pop(tag, None)) is not None]

    def _delivery(self, tag: int) -> Delivery:
        message = self._unsettled[tag]
        return Delivery(
            queue=self._queue.name,
            routing_key=message.routing_key,
            body=message.body,
            message_id=message.message_id,
            headers=message.headers,
            redelivered=message.redelivered,
            handle=_Receipt(self, tag),
        )
