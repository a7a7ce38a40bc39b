"""Subscriptions that survive their channels: deliveries are buffered and acknowledged in batches."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from aiormq import Channel, ChannelNotFoundEntity, Connection
from aiormq.abc import ChannelFrame

from angarium.platform.broker.port import BrokerUnavailable, Delivery
from angarium.platform.broker.rabbitmq.connection import (
    AmqpConnection,
    Link,
    answer,
    cancellations,
    close_channel,
    open_channel,
)
from angarium.platform.broker.rabbitmq.decoding import ACK, NACK, Content, Delivered
from angarium.platform.broker.rabbitmq.deliveries import Deliveries
from angarium.platform.broker.rabbitmq.encoding import either, put, settlement
from angarium.platform.broker.rabbitmq.topology import queue_stats
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

_PAUSE_SECONDS = 0.5
_CANCEL_SECONDS = 3.0
# A quorum queue's client in the broker holds acknowledgements back while 32 commands are under way (SOFT_LIMIT in
# rabbit_fifo_client.erl) and forgets them if the channel closes before.
_SETTLE_SECONDS = 0.1
_MULTIPLE, _REQUEUE = 1, 2  # flags of Basic.Ack and Basic.Nack


class _Receipt(NamedTuple):
    subscription: "_Subscription"
    tag: int


class _Subscription:
    """A consumer on one channel, and the delivery tags on it that are not settled, oldest first."""

    def __init__(self, channel: Channel, clock: Clock) -> None:
        self._clock = clock
        self._settled = False
        self.cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.unsettled: dict[int, None] = {}
        self._channel = channel
        self._writing = asyncio.Lock()
        channel.on_consumer_cancel_callbacks.add(self._on_cancel)

    async def ended(self) -> None:
        """Return once the channel is closed or the broker has cancelled the consumer."""
        await either(self.cancelled, self._channel)

    async def ack(self, tags: Collection[int]) -> None:
        """Acknowledge the unsettled ones of `tags`: the oldest consecutive ones with one frame, the others singly."""
        async with self._writing:
            known = {tag for tag in tags if tag in self.unsettled}
            row = self._row(known)
            frames = [self._settle(ACK, row[-1], _MULTIPLE)] if row else []
            frames += [self._settle(ACK, tag) for tag in sorted(known.difference(row))]
            await self._write(frames, known)

    async def release(self, tags: Collection[int]) -> None:
        """Requeue the unsettled ones of `tags`."""
        async with self._writing:
            known = {tag for tag in tags if tag in self.unsettled}
            await self._write([self._settle(NACK, tag, _REQUEUE) for tag in sorted(known)], known)

    async def close(self) -> None:
        """Close the channel; the broker requeues what is unsettled."""
        if self._settled and not self._channel.is_closed:
            await self._cancel()
        await close_channel(self._channel)

    async def cancel(self) -> bool:
        """Cancel the consumer; return whether the broker confirmed it."""
        try:
            for consumer_tag in tuple(self._channel.consumers):
                await answer(self._channel.basic_cancel(consumer_tag), _CANCEL_SECONDS)
        except BrokerUnavailable:
            return False
        return True

    async def _cancel(self) -> None:
        """Cancel the consumer, and let pending acknowledgements take effect."""
        if await self.cancel():
            await self._clock.sleep(_SETTLE_SECONDS)

    def _row(self, tags: Collection[int]) -> list[int]:
        row = []
        for tag in self.unsettled:
            if tag not in tags:
                break
            row.append(tag)
        return row

    def _settle(self, method: bytes, tag: int, bits: int = 0) -> bytes:
        return settlement(self._channel.number, method, tag, bits)

    async def _write(self, frames: Sequence[bytes], tags: Collection[int]) -> None:
        def then(written: bool) -> None:
            if written:
                self._settled = True
                for tag in tags:
                    del self.unsettled[tag]

        if frames:
            await put(self._channel, ChannelFrame(payload=b"".join(frames), should_close=False), then)

    def _on_cancel(self, _: object) -> None:
        if not self.cancelled.done():
            self.cancelled.set_result(None)


class RabbitMQConsumer:
    """A subscription to one queue that is renewed whenever it ends.

    `heal` declares a missing queue. `idle_check`: time without deliveries after which the queue is checked.
    """

    def __init__(
        self,
        link: Link,
        queue: str,
        *,
        prefetch: int,
        clock: Clock,
        logger: Logger,
        idle_check: timedelta,
        heal: Callable[[], Awaitable[None]],
    ) -> None:
        self._link = link
        self._queue = queue
        self._prefetch = prefetch
        self._clock = clock
        self._logger = logger
        self._heal = heal
        self._idle_check = idle_check.total_seconds()
        self._received = 0
        self._subscription: _Subscription | None = None
        self._arrived: deque[Delivery] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self._stopped = False
        self._keeper = asyncio.create_task(self._keep())

    @property
    def waiting(self) -> int:
        return len(self._arrived)

    async def wait(self) -> None:
        while not self._arrived:
            if self._closed:
                raise BrokerUnavailable("the broker was closed")
            self._wake.clear()
            await self._wake.wait()

    def take(self, limit: int) -> Sequence[Delivery]:
        return [self._arrived.popleft() for _ in range(min(limit, len(self._arrived)))]

    async def receive(self, limit: int) -> Sequence[Delivery]:
        await self.wait()
        return self.take(limit)

    async def ack(self, deliveries: Collection[Delivery]) -> None:
        if (subscription := self._subscription) is not None:
            await subscription.ack(_tags(deliveries, subscription))

    async def release(self, deliveries: Collection[Delivery]) -> None:
        if (subscription := self._subscription) is not None:
            await subscription.release(_tags(deliveries, subscription))

    async def stop(self) -> None:
        self._stopped = True
        if (subscription := self._subscription) is None:
            return
        await subscription.cancel()
        left = self.take(len(self._arrived))
        await subscription.release(_tags(left, subscription))

    async def close(self) -> None:
        """End the subscription; idempotent."""
        self._closed = True
        self._wake.set()
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self) -> None:
        while not (self._closed or self._stopped):
            try:
                await self._consume(await self._link.connected())
            except BrokerUnavailable as error:
                self._logger.warning("broker.consume_failed", queue=self._queue, error=str(error))
            except ChannelNotFoundEntity:
                self._logger.warning("broker.queue_missing", queue=self._queue)
                await self._heal()
            except (Exception, asyncio.CancelledError):
                if cancellations():
                    raise
                # An unexpected error must not end this task, or `receive` would wait indefinitely.
                self._logger.exception("broker.consumer_failed", queue=self._queue)
            await self._clock.sleep(_PAUSE_SECONDS)

    async def _consume(self, connection: AmqpConnection) -> None:
        """Receive until the subscription ends."""
        channel = await open_channel(connection)
        subscription = self._subscription = _Subscription(channel, self._clock)
        connection.give(channel, Deliveries(partial(self._arrive, subscription)))
        try:
            await answer(channel.basic_qos(prefetch_count=self._prefetch))
            await answer(channel.basic_consume(self._queue, _taken), passing=(ChannelNotFoundEntity,))
            await self._watch(connection, subscription)
        finally:
            self._subscription = None
            self._arrived.clear()
            await subscription.close()

    def _arrive(self, subscription: _Subscription, delivered: Delivered, content: Content, body: bytes) -> None:
        if subscription is self._subscription:
            subscription.unsettled[delivered.tag] = None
            self._arrived.append(
                Delivery(
                    queue=self._queue,
                    routing_key=delivered.routing_key,
                    body=body,
                    message_id=content.message_id,
                    headers=content.headers,
                    redelivered=delivered.redelivered,
                    handle=_Receipt(subscription, delivered.tag),
                )
            )
            self._received += 1
            self._wake.set()

    async def _watch(self, connection: Connection, subscription: _Subscription) -> None:
        """Return once the subscription has ended or appears to be forgotten by the broker."""
        ended = asyncio.ensure_future(subscription.ended())
        try:
            received = -1
            while not ended.done():
                idle = received == self._received and not subscription.unsettled and not self._stopped
                if idle and await self._is_forgotten(connection):
                    self._logger.error("broker.consumer_forgotten", queue=self._queue)
                    return
                received = self._received
                await asyncio.wait((ended,), timeout=self._idle_check)
        finally:
            ended.cancel()

    async def _is_forgotten(self, connection: Connection) -> bool:
        """Whether the queue has messages although this consumer, with prefetch to spare, receives none."""
        received = self._received
        [stats] = await queue_stats(connection, [self._queue])
        missed = stats is None or stats.messages > 0 or stats.consumers == 0
        return missed and received == self._received


def _tags(deliveries: Collection[Delivery], subscription: _Subscription) -> set[int]:
    """The tags of deliveries from this channel. The others' channel is closed, so they are redelivered."""
    receipts = (delivery.handle for delivery in deliveries)
    return {
        receipt.tag for receipt in receipts if isinstance(receipt, _Receipt) and receipt.subscription is subscription
    }


async def _taken(_: object) -> None:
    """The library's callback for deliveries, which is never called."""
