"""The shipped memory broker as a shared server, and the connection of a process to it."""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Context, copy_context
from typing import Any, TypeVar

from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import BrokerUnavailable, Consumer, Delivery, Late, Outgoing, QueueStats, Topology
from tests.simulation.judge import Judge
from tests.simulation.network import Link

ResultT = TypeVar("ResultT")
UNCONFIRMED_AFTER = 5.0
"""Timeout of a publish without confirms, in seconds."""


class BrokerServer:
    """The broker shared by all processes. Its tasks belong to no process, so they continue after a publisher dies."""

    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = broker
        self._context: Context = copy_context()

    def at_once(self, call: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run a call of the memory broker, which never waits, and return its result."""
        try:
            self._context.run(call.send, None)
        except StopIteration as done:
            result: ResultT = done.value
            return result
        raise AssertionError("the memory broker waits")

    def ready(self, notification_id: str) -> int:
        """The number of messages with this id that are ready in work queues."""
        queues = self.broker._queues.items()
        return sum(
            message.message_id == notification_id
            for name, queue in queues
            if not name.startswith("failed")
            for message in queue._ready
        )


class BrokerLink:
    """The connection of one process to the broker."""

    def __init__(self, server: BrokerServer, link: Link, judge: Judge) -> None:
        self._server = server
        self._link = link
        self._judge = judge
        self._consumers: list[ConsumerLink] = []
        self._late: set[asyncio.Task[None]] = set()
        self._closed = False

    async def declare(self, topology: Topology) -> None:
        await self._link.travel()
        self._check()
        self._server.at_once(self._server.broker.declare(topology))

    async def publish(self, messages: Sequence[Outgoing], *, late: Late | None = None) -> Sequence[bool]:
        await self._link.travel()
        self._link.unpublished_at, before = asyncio.get_running_loop().time(), self._link.unpublished_at
        self._check()
        taken = [self._arrive(message, place, late) for place, message in enumerate(messages)]
        await self._link.travel()
        if not all(taken):
            await asyncio.sleep(UNCONFIRMED_AFTER)
        try:
            self._check()
        except BrokerUnavailable:
            for message in messages:
                self._judge.unconfirmed(message)
            raise
        if all(taken):
            self._link.unpublished_at = before
        return taken

    @asynccontextmanager
    async def consume(self, queue: str, *, prefetch: int) -> AsyncIterator[Consumer]:
        await self._link.travel()
        self._check()
        consumer = ConsumerLink(self._server, self._link, self._judge, queue, prefetch)
        self._consumers.append(consumer)
        if not self._link.cut:
            consumer.open()
        try:
            yield consumer
        finally:
            self._consumers.remove(consumer)
            consumer.close()

    async def stats(self, queues: Sequence[str]) -> Sequence[QueueStats]:
        await self._link.travel()
        self._check()
        return self._server.at_once(self._server.broker.stats(queues))

    async def ready(self) -> bool:
        return not (self._link.cut or self._link.weather.broker_away)

    async def problem(self) -> str | None:
        return None

    async def close(self) -> None:
        self._closed = True

    def cut(self) -> None:
        """End the connection and requeue unacknowledged messages. Called by the world, also for a dead process."""
        self._link.cut = True
        for consumer in self._consumers:
            consumer.close()

    def restore(self) -> None:
        """Restore the connection."""
        self._link.cut = False
        for consumer in self._consumers:
            consumer.open()

    def _check(self) -> None:
        if self._closed or self._link.cut or self._link.weather.broker_away:
            raise BrokerUnavailable

    def _arrive(self, message: Outgoing, place: int, late: Late | None) -> bool:
        """Deliver a message to its queues; return whether the publisher gets a confirm."""
        weather, random = self._link.weather, self._link.random
        if weather.lost_publishes and random.random() < weather.lost_publishes:
            self._judge.unconfirmed(message)
            return False
        taken = self._put(message)
        if taken and weather.copies and random.random() < weather.copies:
            self._judge.duplicated(message)
            self._put(message)
        if weather.lost_confirms and random.random() < weather.lost_confirms:
            self._judge.unconfirmed(message)
            if late is not None and random.random() < 0.5:
                task = asyncio.get_running_loop().create_task(self._confirm_late(late, place))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
            return False
        return taken

    def _put(self, message: Outgoing) -> bool:
        [taken] = self._server.at_once(self._server.broker.publish([message]))
        self._judge.routed(message, taken=taken)
        return taken

    async def _confirm_late(self, late: Late, place: int) -> None:
        await asyncio.sleep(UNCONFIRMED_AFTER + self._link.random.uniform(0.1, 20.0))
        if not self._link.cut:
            late(place)


class ConsumerLink:
    """A subscription that continues after a reconnection, like the one of the RabbitMQ adapter."""

    def __init__(self, server: BrokerServer, link: Link, judge: Judge, queue: str, prefetch: int) -> None:
        self._server = server
        self._link = link
        self._judge = judge
        self._queue = queue
        self._prefetch = prefetch
        self._opened = asyncio.Event()
        self._manager: AbstractAsyncContextManager[Consumer] | None = None
        self._inner: Consumer | None = None
        self._held: dict[object, Delivery] = {}
        self._stopped = False

    def open(self) -> None:
        """Subscribe."""
        if self._inner is None and not self._stopped:
            self._manager = self._server.broker.consume(self._queue, prefetch=self._prefetch)
            self._inner = self._server.at_once(self._manager.__aenter__())
            self._opened.set()

    def close(self) -> None:
        """Close after the connection has ended: unacknowledged deliveries return to the queue."""
        if self._manager is not None and self._inner is not None:
            self._judge.returned(self._held.values())
            inner, self._inner = self._inner, None
            self._opened.clear()
            self._held.clear()
            inner.broker_closed()  # type: ignore[attr-defined]  # a MemoryConsumer; it ends the wait
            self._server.at_once(self._manager.__aexit__(None, None, None))

    @property
    def waiting(self) -> int:
        return 0 if self._inner is None else self._inner.waiting

    async def wait(self) -> None:
        while not self.waiting:
            if self._inner is None:
                await self._opened.wait()
                continue
            try:
                await self._inner.wait()
            except BrokerUnavailable:
                continue

    def take(self, limit: int) -> Sequence[Delivery]:
        if self._inner is None:
            return []
        taken = self._inner.take(limit)
        self._held.update({delivery.handle: delivery for delivery in taken})
        return taken

    async def receive(self, limit: int) -> Sequence[Delivery]:
        await self.wait()
        return self.take(limit)

    async def ack(self, deliveries: Collection[Delivery]) -> None:
        await asyncio.sleep(0)
        living = self._living(deliveries)
        if self._inner is not None and living:
            self._judge.acknowledged(living, crowded=self._link.cannot_publish())
            self._server.at_once(self._inner.ack(living))

    async def release(self, deliveries: Collection[Delivery]) -> None:
        await asyncio.sleep(0)
        living = self._living(deliveries)
        if self._inner is not None and living:
            self._judge.returned(living)
            self._server.at_once(self._inner.release(living))

    async def stop(self) -> None:
        self._stopped = True
        if self._inner is not None:
            self._server.at_once(self._inner.stop())

    def _living(self, deliveries: Collection[Delivery]) -> list[Delivery]:
        """The deliveries of the current connection."""
        return [delivery for delivery in deliveries if self._held.pop(delivery.handle, None) is not None]
