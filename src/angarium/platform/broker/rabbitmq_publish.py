"""Confirmed publishing in bursts: one write for many messages, one wait for all their confirms.

The library's own `basic_publish` costs a lock, a future and a drain for each message. Here a burst registers its
delivery tags with the channel, puts all its frames into one write, and counts confirms; the connection, returns,
heartbeats and closing stay the library's.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import cast

from aiormq import Channel, ChannelInvalidStateError
from aiormq.abc import ChannelFrame
from aiormq.channel import ConfirmationType
from pamqp import commands as spec

from angarium.platform.broker.port import BrokerUnavailable, Outgoing, Topology
from angarium.platform.broker.rabbitmq_connection import Link, open_channel
from angarium.platform.broker.rabbitmq_encoding import FrameWriter
from angarium.platform.broker.rabbitmq_writing import either, put
from angarium.platform.broker.routing import check_delay
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

MAX_BODY = 16 * 1024 * 1024
"""Bytes; the default `max_message_size` of RabbitMQ 4. A larger body would close the channel under its neighbours."""

_BURST = 1000


class _Burst:
    """Messages that are written together, and what became of each. `indices`: their places in `results`."""

    def __init__(self, messages: Sequence[Outgoing], indices: Sequence[int], results: list[bool]) -> None:
        self.messages = messages
        self.returned = False
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._indices = indices
        self._results = results
        self._left = len(messages)

    def settle(self, position: int, *, taken: bool) -> None:
        self._results[self._indices[position]] = taken
        self._left -= 1
        if not self._left:
            self.finished.set_result(None)


class _Confirmation:
    """What the channel keeps for a delivery tag in place of a future: a place in a burst."""

    __slots__ = ("_channel", "_position", "_settled", "burst")

    def __init__(self, channel: Channel, burst: _Burst, position: int) -> None:
        self._channel = channel
        self._position = position
        self._settled = False
        self.burst = burst

    def done(self) -> bool:
        return self._settled

    def cancelled(self) -> bool:
        return False

    def set_result(self, reply: object) -> None:
        """`reply` is the broker's Basic.Ack, or the message that it returned."""
        self._settle(taken=isinstance(reply, spec.Basic.Ack))
        if not isinstance(reply, spec.Basic.Ack):
            self.burst.returned = True

    def set_exception(self, _: BaseException) -> None:
        """The broker's Basic.Nack: a queue refused the message."""
        self._settle(taken=False)

    def _settle(self, *, taken: bool) -> None:
        self._settled = True
        self._channel.message_id_delivery_tag.pop(self.burst.messages[self._position].message_id, None)
        self.burst.settle(self._position, taken=taken)


class Publisher:
    """Publishes over one channel of `link`; calls `misrouted` when something of the topology seems to be missing."""

    def __init__(
        self, link: Link, *, clock: Clock, logger: Logger, timeout: timedelta, misrouted: Callable[[], None]
    ) -> None:
        self._link = link
        self._clock = clock
        self._logger = logger
        self._timeout = timeout.total_seconds()
        self._misrouted = misrouted
        self._opening = asyncio.Lock()
        self._channel: Channel | None = None
        self._writer: FrameWriter | None = None

    async def publish(self, messages: Sequence[Outgoing], topology: Topology) -> list[bool]:
        """As the port says."""
        if self._link.current is None:
            raise BrokerUnavailable("not connected")
        results = [False] * len(messages)
        bursts = [
            _Burst([messages[index] for index in indices], indices, results)
            for indices in self._split(messages, topology)
        ]
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.gather(*(self._send(burst) for burst in bursts))
        except TimeoutError:
            self._logger.warning("broker.publish_timed_out", unconfirmed=results.count(False))
        return results

    def _split(self, messages: Sequence[Outgoing], topology: Topology) -> list[Sequence[int]]:
        """Places of the messages that may be published, in bursts that hold no message id twice."""
        exchanges = {*topology.direct_exchanges, *topology.topic_exchanges}
        seen: dict[str, int] = defaultdict(int)
        layers: dict[int, list[int]] = defaultdict(list)
        for index, message in enumerate(messages):
            if message.delay is not None:
                check_delay(message, topology)
            if message.exchange in exchanges and len(message.body) <= MAX_BODY:
                layers[seen[message.message_id]].append(index)
                seen[message.message_id] += 1
            else:
                self._logger.error("broker.unpublishable", exchange=message.exchange, size=len(message.body))
        return [layer[start : start + _BURST] for layer in layers.values() for start in range(0, len(layer), _BURST)]

    async def _send(self, burst: _Burst) -> None:
        try:
            channel, writer = await self._open()
            now = self._clock.now()
            payload = b"".join([writer.encode(message, now) for message in burst.messages])
            await self._write(channel, burst, payload)
        except (BrokerUnavailable, ChannelInvalidStateError):
            return
        await either(burst.finished, channel)
        if burst.returned or (channel.is_closed and self._link.current is not None):
            self._misrouted()

    async def _open(self) -> tuple[Channel, FrameWriter]:
        async with self._opening:
            if self._channel is None or self._writer is None or self._channel.is_closed:
                if (connection := self._link.current) is None:
                    raise BrokerUnavailable("not connected")
                self._channel = await open_channel(connection, confirms=True)
                self._writer = FrameWriter(self._channel)
            return self._channel, self._writer

    async def _write(self, channel: Channel, burst: _Burst, payload: bytes) -> None:
        """Returns are told apart by message id: a burst waits while one of its ids is on its way."""
        while True:
            async with channel.lock:
                earlier = _in_flight(channel, burst)
                if earlier is None:
                    await _put_burst(channel, burst, payload)
                    return
            await either(earlier.finished, channel)


def _in_flight(channel: Channel, burst: _Burst) -> _Burst | None:
    """A burst that one of this one's message ids is being published in."""
    under_way = channel.message_id_delivery_tag
    for message in burst.messages:
        if message.message_id in under_way:
            return cast("_Confirmation", channel.confirmations[under_way[message.message_id]]).burst
    return None


async def _put_burst(channel: Channel, burst: _Burst, payload: bytes) -> None:
    """Register the burst's delivery tags and queue its frames; both or neither. The caller holds the channel's lock."""
    first = channel.delivery_tag + 1
    for position, message in enumerate(burst.messages):
        confirmation = _Confirmation(channel, burst, position)
        channel.confirmations[first + position] = cast("ConfirmationType", confirmation)
        channel.message_id_delivery_tag[message.message_id] = first + position
    channel.delivery_tag += len(burst.messages)

    def then(written: bool) -> None:
        if not written:
            _take_back(channel, burst, first)

    # The future makes the writer drain, which is what holds further bursts back from a broker that reads no more.
    drained = asyncio.get_running_loop().create_future()
    await put(channel, ChannelFrame(payload=payload, should_close=False, drain_future=drained), then)


def _take_back(channel: Channel, burst: _Burst, first: int) -> None:
    channel.delivery_tag = first - 1
    for position, message in enumerate(burst.messages):
        channel.confirmations.pop(first + position, None)
        channel.message_id_delivery_tag.pop(message.message_id, None)
