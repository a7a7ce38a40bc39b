"""Confirmed publishing in bursts: one write and one wait for the confirms of many messages.

The library's `basic_publish` costs a lock, a future and a drain per message. Here a burst writes all its frames at once
and counts its confirms; the library still handles the connection, heartbeats and closing.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta

from aiormq import Channel
from aiormq.abc import ChannelFrame

from angarium.platform.broker.port import BrokerUnavailable, Late, Outgoing, Topology
from angarium.platform.broker.rabbitmq.confirms import Burst, Confirms, Stall
from angarium.platform.broker.rabbitmq.connection import Link, close_channel, open_channel
from angarium.platform.broker.rabbitmq.encoding import FrameWriter, put
from angarium.platform.broker.routing import check_delay
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

_BURST = 1000
_MOST_OVERDUE = 20_000
"""Upper bound of remembered messages without a confirm, so that a queue without a leader cannot fill the memory."""
_STALLED = 60.0
"""Seconds without a confirm of any overdue message, after which a channel is replaced and its messages are published
again."""
_PROBE = "readiness"
_PROBE_SECONDS = 1.5


class _Outlet:
    """A publishing channel with its frame writer and its confirms."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.confirms = Confirms()
        self.stall = Stall(self.confirms)
        self.writer = FrameWriter(channel)
        self._turn = asyncio.Lock()
        channel.closing.add_done_callback(self.confirms.end)

    async def write(self, burst: Burst, payload: bytes) -> None:
        """Returns are matched by message id, so a burst waits while one of its ids is in flight."""
        while True:
            async with self._turn:
                earlier = self.confirms.in_flight(burst)
                if earlier is None:
                    await self._put(burst, payload)
                    return
            await earlier.finished()

    def give_up(self, burst: Burst, late: Late | None) -> None:
        """Stop waiting for the burst, and unregister it if it was not written."""
        if self.confirms.expects(burst):
            self.confirms.give_up(burst, late)

    async def _put(self, burst: Burst, payload: bytes) -> None:
        """Register the burst and queue its frames; both or neither."""
        self.confirms.expect(burst)

        def then(written: bool) -> None:
            if not written:
                self.confirms.take_back(burst)

        # The future makes the writer drain, which blocks further bursts to a broker that has stopped reading.
        drained = asyncio.get_running_loop().create_future()
        await put(self.channel, ChannelFrame(payload=payload, should_close=False, drain_future=drained), then)


class Publisher:
    """Publishes over one channel of `link`; calls `misrouted` when a part of the topology appears to be missing."""

    def __init__(
        self, link: Link, *, clock: Clock, logger: Logger, timeout: timedelta, misrouted: Callable[[], None]
    ) -> None:
        self._link = link
        self._clock = clock
        self._logger = logger
        self._timeout = timeout.total_seconds()
        self._misrouted = misrouted
        self._opening = asyncio.Lock()
        self._outlet: _Outlet | None = None
        self._probes = 0

    async def publish(self, messages: Sequence[Outgoing], topology: Topology, late: Late | None = None) -> list[bool]:
        """As `Broker.publish`."""
        if (connection := self._link.current) is None:
            raise BrokerUnavailable("not connected")
        if self._outlet is not None and self._outlet.confirms.overdue:
            await self._leave_a_stall(self._outlet, blocked=connection.blocked is not None)
        results = [False] * len(messages)
        bursts = [
            Burst([messages[index] for index in indices], indices, results)
            for indices in self._split(messages, topology)
        ]
        if not bursts:
            await asyncio.sleep(
                0
            )  # a caller that retries immediately must not starve the loop, which receives the confirms
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.gather(*(self._send(burst, topology) for burst in bursts))
        except TimeoutError:
            self._logger.warning("broker.publish_timed_out", unconfirmed=results.count(False))
            await self._give_up(bursts, late)
        return list(results)

    async def _give_up(self, bursts: Sequence[Burst], late: Late | None) -> None:
        """Pass late confirms to `late`; beyond a limit drop them and their channel."""
        if (outlet := self._outlet) is None:
            return
        for burst in bursts:
            outlet.give_up(burst, late)
        if outlet.confirms.overdue > _MOST_OVERDUE:
            self._outlet = None
            await close_channel(outlet.channel)

    async def _leave_a_stall(self, outlet: _Outlet, *, blocked: bool) -> None:
        """Close a channel without confirms, so that its messages can be published again."""
        if outlet.stall.seconds(self._clock.monotonic(), blocked=blocked) < _STALLED:
            return
        self._logger.warning("broker.confirms_lost", unconfirmed=outlet.confirms.overdue)
        if self._outlet is outlet:
            self._outlet = None
        await close_channel(outlet.channel)

    async def probe(self, topology: Topology) -> bool:
        """Whether the broker confirms a message that is routed to no queue, in time for a readiness check."""
        self._probes += 1
        message = Outgoing(
            exchange=topology.direct_exchanges[0],
            routing_key=_PROBE,
            body=b"",
            message_id=f"{_PROBE}-{self._probes}",
            mandatory=False,
        )
        results = [False]
        burst = Burst([message], [0], results)
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._send(burst, topology)
        except TimeoutError:
            pass
        return results[0]

    def _split(self, messages: Sequence[Outgoing], topology: Topology) -> list[Sequence[int]]:
        """Indices of the messages that may be published, split into bursts without duplicate message ids."""
        exchanges = {*topology.direct_exchanges, *topology.topic_exchanges}
        seen: dict[str, int] = defaultdict(int)
        layers: dict[int, list[int]] = defaultdict(list)
        overdue = self._outlet.confirms if self._outlet is not None and self._outlet.confirms.overdue else None
        for index, message in enumerate(messages):
            if message.delay is not None:
                check_delay(message, topology)
            if overdue is not None and overdue.is_overdue(message.message_id):
                continue
            if message.exchange in exchanges:
                layers[seen[message.message_id]].append(index)
                seen[message.message_id] += 1
            else:
                self._logger.error("broker.unpublishable", exchange=message.exchange)
        return [layer[start : start + _BURST] for layer in layers.values() for start in range(0, len(layer), _BURST)]

    async def _send(self, burst: Burst, topology: Topology) -> None:
        try:
            outlet = await self._open()
        except BrokerUnavailable:
            return
        now = self._clock.now()
        payload = b"".join([outlet.writer.encode(message, now, topology.delay_exchange) for message in burst.messages])
        await outlet.write(burst, payload)
        await burst.finished()
        if burst.returned or (outlet.channel.is_closed and self._link.current is not None):
            self._misrouted()

    async def _open(self) -> _Outlet:
        async with self._opening:
            if self._outlet is None or self._outlet.channel.is_closed:
                if (connection := self._link.current) is None:
                    raise BrokerUnavailable("not connected")
                channel = await open_channel(connection, confirms=True)
                self._outlet = _Outlet(channel)
                connection.give(channel, self._outlet.confirms)
            return self._outlet
