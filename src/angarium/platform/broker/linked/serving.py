"""The parent's end: gives a broker to the process at the other end of a link."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import msgspec

from angarium.platform.broker.linked.frames import (
    CLOSE,
    CONSUME,
    DECLARE,
    DELIVERED,
    ENDED,
    LATE,
    PROBLEM,
    PUBLISH,
    SETTLE,
    STATS,
    STOP,
    Arrived,
    Consume,
    Delivered,
    Late,
    Publish,
    Settle,
    Size,
)
from angarium.platform.broker.port import Broker, BrokerUnavailable, Consumer, Delivery, Topology
from angarium.platform.link.link import Link, LinkClosed

_MOST = 256
"""Deliveries per frame."""
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode


class BrokerServer:
    """Serves `broker` over `link` until `close`, or until the link ends: then its consumers' messages are requeued."""

    def __init__(self, broker: Broker, link: Link) -> None:
        self._broker = broker
        self._link = link
        self._consumers: dict[int, _Served] = {}
        self._end = asyncio.create_task(self._close_with_link())
        for topic, answering in (
            (DECLARE, self._declare),
            (PUBLISH, self._publish),
            (STATS, self._stats),
            (PROBLEM, self._problem),
            (CONSUME, self._consume),
            (STOP, self._stop),
            (CLOSE, self._close),
        ):
            link.answer(topic, answering)
        link.receive(SETTLE, self._settle)

    async def close(self) -> None:
        """Close every consumer; unacknowledged messages return to their queues. Idempotent."""
        self._end.cancel()
        await self._close_all()

    async def _close_with_link(self) -> None:
        await self._link.closed.wait()
        await self._close_all()

    async def _close_all(self) -> None:
        while self._consumers:
            await self._consumers.popitem()[1].close()

    async def _declare(self, payload: bytes) -> bytes:
        await self._broker.declare(_decode(payload, type=Topology))
        return b""

    async def _publish(self, payload: bytes) -> bytes:
        asked = _decode(payload, type=Publish)
        late = partial(self._late, asked.number) if asked.number else None
        return _encode(await self._broker.publish(asked.messages, late=late))

    def _late(self, number: int, index: int) -> None:
        self._link.tell(LATE, _encode(Late(number, index)))

    async def _stats(self, payload: bytes) -> bytes:
        found = await self._broker.stats(_decode(payload, type=list[str]))
        return _encode([Size(one.name, one.messages, one.consumers) for one in found])

    async def _problem(self, _: bytes) -> bytes:
        return _encode(await self._broker.problem())

    async def _consume(self, payload: bytes) -> bytes:
        asked = _decode(payload, type=Consume)
        served = _Served(asked, self._broker, self._link)
        self._consumers[asked.number] = served
        try:
            await served.opened()
        except BaseException:
            self._consumers.pop(asked.number, None)
            raise
        return b""

    async def _stop(self, payload: bytes) -> bytes:
        if (served := self._consumers.get(_decode(payload, type=int))) is not None:
            await served.stop()
        return b""

    async def _close(self, payload: bytes) -> bytes:
        if (served := self._consumers.pop(_decode(payload, type=int), None)) is not None:
            await served.close()
        return b""

    def _settle(self, payload: bytes) -> None:
        asked = _decode(payload, type=Settle)
        if (served := self._consumers.get(asked.number)) is not None:
            served.settle(asked.tags, release=asked.release)


class _Served:
    """One consumer of the child. Its task subscribes, passes deliveries on, and gives back what is left."""

    def __init__(self, asked: Consume, broker: Broker, link: Link) -> None:
        self._asked = asked
        self._link = link
        self._tags = itertools.count(1)
        self._unsettled: dict[int, Delivery] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._opened: asyncio.Future[Consumer] = asyncio.get_running_loop().create_future()
        self._pump: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(self._run(broker))

    async def opened(self) -> None:
        """Return once it is subscribed. Raises what `consume` raises."""
        await self._opened

    def settle(self, tags: Sequence[int], *, release: bool) -> None:
        """Acknowledge or requeue; what is settled already is left out."""
        deliveries = [found for tag in tags if (found := self._unsettled.pop(tag, None)) is not None]
        if deliveries:
            task = asyncio.create_task(self._settle(deliveries, release=release))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def stop(self) -> None:
        """Take no more. What the child was sent it gives back itself."""
        await self._settled()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
            await self._opened.result().stop()

    async def close(self) -> None:
        """End the subscription and give back what is unsettled."""
        await self._settled()
        self._closing.set()
        await asyncio.wait([self._task])

    async def _settled(self) -> None:
        if self._settling:
            await asyncio.wait(self._settling)

    async def _settle(self, deliveries: Sequence[Delivery], *, release: bool) -> None:
        consumer = await self._opened
        await (consumer.release(deliveries) if release else consumer.ack(deliveries))

    async def _run(self, broker: Broker) -> None:
        try:
            async with broker.consume(self._asked.queue, prefetch=self._asked.prefetch) as consumer:
                self._pump = asyncio.create_task(self._deliver(consumer))
                self._opened.set_result(consumer)
                await self._closing.wait()
                self._pump.cancel()
                await asyncio.wait([self._pump])
        except Exception as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)

    async def _deliver(self, consumer: Consumer) -> None:
        with suppress(LinkClosed):
            try:
                while True:
                    await consumer.wait()
                    await self._link.writable()
                    self._send(consumer.take(_MOST))
            except BrokerUnavailable:
                self._link.tell(ENDED, _encode(self._asked.number))

    def _send(self, deliveries: Sequence[Delivery]) -> None:
        arrived = [self._arrived(delivery) for delivery in deliveries]
        self._link.tell(DELIVERED, _encode(Delivered(self._asked.number, arrived)))

    def _arrived(self, delivery: Delivery) -> Arrived:
        tag = next(self._tags)
        self._unsettled[tag] = delivery
        return Arrived(
            tag, delivery.routing_key, delivery.body, delivery.message_id, delivery.headers, delivery.redelivered
        )
