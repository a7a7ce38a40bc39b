"""The child's end: a broker that asks its parent process."""

import itertools
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from angarium.platform.broker.linked import frames
from angarium.platform.broker.linked.consumer import LinkedConsumer
from angarium.platform.broker.port import BrokerUnavailable, Late, Outgoing, QueueStats, Topology, TopologyConflict
from angarium.platform.link.link import Link, LinkClosed, Refused

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode
_MOST_LATE = 10_000
"""Calls of `publish` whose late confirms are waited for."""
_ERRORS: Mapping[str, type[Exception]] = {"TopologyConflict": TopologyConflict, "ValueError": ValueError}


class LinkedBroker:
    """Implements `Broker` over a link, whose other end is a `BrokerServer`. Closing it leaves the link open."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._consumers: dict[int, LinkedConsumer] = {}
        self._numbers = itertools.count(1)
        self._late: dict[int, Late] = {}
        self._declared = False
        self._closed = False
        link.receive(frames.DELIVERED, self._delivered)
        link.receive(frames.ENDED, self._ended)
        link.receive(frames.LATE, self._confirmed_late)
        link.at_end(self._end_consumers)

    async def declare(self, topology: Topology) -> None:
        await self._ask(frames.DECLARE, _encode(topology))
        self._declared = True

    async def publish(self, messages: Sequence[Outgoing], *, late: Late | None = None) -> Sequence[bool]:
        number = 0 if late is None else next(self._numbers)
        if late is not None:
            self._expect_late(number, late)
        taken = _decode(await self._ask(frames.PUBLISH, _encode(frames.Publish(number, messages))), type=list[bool])
        if all(taken):
            self._late.pop(number, None)
        return taken

    @asynccontextmanager
    async def consume(self, queue: str, *, prefetch: int) -> AsyncGenerator[LinkedConsumer]:
        number = next(self._numbers)
        consumer = self._consumers[number] = LinkedConsumer(self._link, number, queue)
        try:
            await self._ask(frames.CONSUME, _encode(frames.Consume(number, queue, prefetch)))
            yield consumer
        finally:
            await consumer.close()
            del self._consumers[number]

    async def stats(self, queues: Sequence[str]) -> Sequence[QueueStats]:
        found = _decode(await self._ask(frames.STATS, _encode(list(queues))), type=list[frames.Size])
        return [QueueStats(one.name, one.messages, one.consumers) for one in found]

    async def ready(self) -> bool:
        return self._declared and not self._closed and not self._link.closed.is_set()

    async def problem(self) -> str | None:
        try:
            return _decode(await self._ask(frames.PROBLEM, b""), type=str | None)
        except BrokerUnavailable as error:
            return str(error)

    async def close(self) -> None:
        self._closed = True
        self._end_consumers()

    def _end_consumers(self) -> None:
        """End every wait, since no message will arrive."""
        for consumer in self._consumers.values():
            consumer.end()

    async def _ask(self, topic: str, payload: bytes) -> bytes:
        if self._closed:
            raise BrokerUnavailable("the broker was closed")
        try:
            return await self._link.ask(topic, payload)
        except LinkClosed as error:
            raise BrokerUnavailable("the process with the broker has ended") from error
        except Refused as error:
            raise _ERRORS.get(error.name, BrokerUnavailable)(error.message) from error

    def _expect_late(self, number: int, late: Late) -> None:
        self._late[number] = late
        if len(self._late) > _MOST_LATE:
            del self._late[next(iter(self._late))]

    def _confirmed_late(self, payload: bytes) -> None:
        told = _decode(payload, type=frames.Late)
        if (late := self._late.get(told.number)) is not None:
            late(told.index)

    def _delivered(self, payload: bytes) -> None:
        told = _decode(payload, type=frames.Delivered)
        if (consumer := self._consumers.get(told.number)) is not None:
            consumer.arrive(told.deliveries)

    def _ended(self, payload: bytes) -> None:
        if (consumer := self._consumers.get(_decode(payload, type=int))) is not None:
            consumer.end()
