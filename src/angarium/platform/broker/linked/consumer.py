"""The child's end of one subscription."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from angarium.platform.broker.linked.frames import CLOSE, SETTLE, STOP, Arrived, Settle
from angarium.platform.broker.port import BrokerUnavailable, Delivery
from angarium.platform.link.link import Link, LinkClosed, Refused

_encode = msgspec.msgpack.encode


@dataclass(frozen=True, slots=True)
class _Receipt:
    consumer: "LinkedConsumer"
    tag: int


class LinkedConsumer:
    """Implements `Consumer`. The prefetch is held by the parent, which counts what is on its way."""

    def __init__(self, link: Link, number: int, queue: str) -> None:
        self._link = link
        self._number = number
        self._queue = queue
        self._arrived: deque[Arrived] = deque()
        self._wake = asyncio.Event()
        self._ended = False
        self._stopped = False

    @property
    def waiting(self) -> int:
        return len(self._arrived)

    def arrive(self, deliveries: Sequence[Arrived]) -> None:
        """Take deliveries that the parent sent; once stopped, give them back."""
        if self._stopped:
            self._settle([one.tag for one in deliveries], release=True)
            return
        self._arrived.extend(deliveries)
        self._wake.set()

    def end(self) -> None:
        """End every wait: the broker was closed, or the parent has ended, which requeued what was not taken."""
        self._ended = True
        self._arrived.clear()
        self._wake.set()

    async def wait(self) -> None:
        while not self._arrived:
            if self._ended:
                raise BrokerUnavailable("the broker was closed")
            self._wake.clear()
            await self._wake.wait()

    def take(self, limit: int) -> Sequence[Delivery]:
        return [self._delivery(self._arrived.popleft()) for _ in range(min(limit, len(self._arrived)))]

    async def receive(self, limit: int) -> Sequence[Delivery]:
        await self.wait()
        return self.take(limit)

    async def ack(self, deliveries: Collection[Delivery]) -> None:
        self._settle(self._tags(deliveries), release=False)

    async def release(self, deliveries: Collection[Delivery]) -> None:
        self._settle(self._tags(deliveries), release=True)

    async def stop(self) -> None:
        self._stopped = True
        await self._ask(STOP)  # the answer comes after everything that was sent before
        self._settle([one.tag for one in self._arrived], release=True)
        self._arrived.clear()

    async def close(self) -> None:
        """End the subscription; the parent requeues what is not settled."""
        self._stopped = True
        self._arrived.clear()
        await self._ask(CLOSE)

    async def _ask(self, topic: str) -> None:
        with suppress(LinkClosed, Refused):  # without a parent nothing is subscribed
            await self._link.ask(topic, _encode(self._number))

    def _settle(self, tags: Sequence[int], *, release: bool) -> None:
        if tags:
            self._link.tell(SETTLE, _encode(Settle(self._number, tags, release)))

    def _tags(self, deliveries: Collection[Delivery]) -> list[int]:
        receipts = [delivery.handle for delivery in deliveries if isinstance(delivery.handle, _Receipt)]
        return sorted(receipt.tag for receipt in receipts if receipt.consumer is self)

    def _delivery(self, arrived: Arrived) -> Delivery:
        return Delivery(
            queue=self._queue,
            routing_key=arrived.routing_key,
            body=arrived.body,
            message_id=arrived.message_id,
            headers=arrived.headers,
            redelivered=arrived.redelivered,
            handle=_Receipt(self, arrived.tag),
        )
