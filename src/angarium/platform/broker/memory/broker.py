"""The in-process broker. It is not durable: the database is the source of truth and refills it at the start."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from angarium.platform.broker.memory.queue import MemoryConsumer, MemoryQueue, Message
from angarium.platform.broker.memory.schedule import Schedule
from angarium.platform.broker.port import (
    BrokerUnavailable,
    Late,
    Outgoing,
    Queue,
    QueueStats,
    Topology,
    TopologyConflict,
)
from angarium.platform.broker.routing import check_delay, topic_matches
from angarium.platform.clock import Clock

_REFUSED_AGAIN_AFTER = 1.0


class MemoryBroker:
    """Exchanges, queues, delays and prefetch as RabbitMQ has them.

    Deterministic: depends only on `clock` and asyncio.

    Holds at most `max_messages` (ready, delayed and unacknowledged together) and refuses more. Dead letters do not
    count, since nothing consumes them until they are replayed. A delayed or expired message whose queue is full or
    missing is held and tried again every second.
    """

    def __init__(self, clock: Clock, *, max_messages: int = 100_000) -> None:
        self._clock = clock
        self._max_messages = max_messages
        self._held = 0
        self._schedule = Schedule(clock)
        self._topology: Topology | None = None
        self._queues: dict[str, MemoryQueue] = {}
        self._bindings: dict[str, dict[str, list[MemoryQueue]]] = {}
        self._consumers: list[MemoryConsumer] = []
        self._closed = False

    async def declare(self, topology: Topology) -> None:
        self._check_open()
        for queue in topology.queues:
            self._check_arguments(queue)
        for exchange in (*topology.direct_exchanges, *topology.topic_exchanges):
            self._bindings.setdefault(exchange, {})
        for queue in topology.queues:
            self._declare_queue(queue, topology.dead_letter_key)
        self._topology = topology

    async def publish(
        self,
        messages: Sequence[Outgoing],
        *,
        late: Late | None = None,  # noqa: ARG002 - of the port; no confirm is late here
    ) -> Sequence[bool]:
        topology = self._declared()
        for message in messages:
            if message.delay is not None:
                check_delay(message, topology)
        return [self._accept(message) for message in messages]

    @asynccontextmanager
    async def consume(self, queue: str, *, prefetch: int) -> AsyncGenerator[MemoryConsumer]:
        self._check_open()
        source = self._queue(queue)
        consumer = MemoryConsumer(source, prefetch)
        source.subscribe(consumer)
        self._consumers.append(consumer)
        try:
            yield consumer
        finally:
            self._consumers.remove(consumer)
            consumer.close()

    async def stats(self, queues: Sequence[str]) -> Sequence[QueueStats]:
        self._check_open()
        found = [self._queue(name) for name in queues]
        return [QueueStats(queue.name, queue.ready, queue.consumers) for queue in found]

    async def ready(self) -> bool:
        return self._topology is not None and not self._closed

    async def problem(self) -> str | None:
        if not await self.ready():
            return "no topology is declared"
        return f"it holds {self._held} messages, its limit" if self._held >= self._max_messages else None

    async def close(self) -> None:
        self._closed = True
        for consumer in self._consumers:
            consumer.broker_closed()
        await self._schedule.close()

    def _check_open(self) -> None:
        if self._closed:
            raise BrokerUnavailable("the broker was closed")

    def _declared(self) -> Topology:
        self._check_open()
        if self._topology is None:
            raise BrokerUnavailable("no topology was declared yet")
        return self._topology

    def _check_arguments(self, queue: Queue) -> None:
        known = self._queues.get(queue.name)
        if known and known.declared and (known.ttl, known.max_length) != (queue.ttl, queue.max_length):
            raise TopologyConflict(f"queue {queue.name} exists with another time to live or maximum length")

    def _declare_queue(self, queue: Queue, dead_letter_key: str) -> None:
        known = self._queue(queue.name)
        known.ttl, known.max_length, known.declared = queue.ttl, queue.max_length, True
        known.counted = all(binding.routing_key != dead_letter_key for binding in queue.bindings)
        for binding in queue.bindings:
            bound = self._bindings[binding.exchange].setdefault(binding.routing_key, [])
            if known not in bound:
                bound.append(known)

    def _queue(self, name: str) -> MemoryQueue:
        if name not in self._queues:
            self._queues[name] = MemoryQueue(
                name, monotonic=self._clock.monotonic, expired=self._dead_letter, settled=self._forget
            )
        return self._queues[name]

    def _forget(self, count: int) -> None:
        self._held -= count

    def _accept(self, message: Outgoing) -> bool:
        if self._held >= self._max_messages:
            return False
        if message.delay is None:
            return self._route(message)
        self._held += 1
        self._schedule.at(
            self._clock.monotonic() + message.delay.total_seconds(), partial(self._return, message, message.routing_key)
        )
        return True

    def _route(self, message: Outgoing) -> bool:
        if message.exchange not in self._bindings:
            return False
        queues = self._bound(message.exchange, message.routing_key)
        if any(queue.full for queue in queues):
            return False
        for queue in queues:
            self._put(queue, message)
        return bool(queues) or not message.mandatory

    def _put(self, queue: MemoryQueue, message: Outgoing) -> None:
        self._held += queue.counted
        copy = Message(message.routing_key, message.body, message.message_id, message.headers)
        if queue.ttl is not None:
            copy.expires_at = self._clock.monotonic() + queue.ttl.total_seconds()
            self._schedule.at(copy.expires_at, queue.expire)
        queue.put(copy)

    def _bound(self, exchange: str, routing_key: str) -> list[MemoryQueue]:
        bindings = self._bindings[exchange]
        if self._topology is None or exchange not in self._topology.topic_exchanges:
            return bindings.get(routing_key, [])
        matching = (queues for pattern, queues in bindings.items() if topic_matches(pattern, routing_key))
        return list(dict.fromkeys(queue for queues in matching for queue in queues))

    def _return(self, message: Outgoing, routing_key: str) -> None:
        """Publish a held message to the first direct exchange; hold it while it is refused there."""
        exchange = self._declared().direct_exchanges[0]
        copy = Outgoing(exchange, routing_key, message.body, message.message_id, message.headers)
        if self._route(copy):
            self._held -= 1
        else:
            self._schedule.at(self._clock.monotonic() + _REFUSED_AGAIN_AFTER, partial(self._return, copy, routing_key))

    def _dead_letter(self, message: Message) -> None:
        key = self._declared().dead_letter_key
        copy = Outgoing("", key, message.body, message.message_id, message.headers)
        self._schedule.at(self._clock.monotonic(), partial(self._return, copy, key))
