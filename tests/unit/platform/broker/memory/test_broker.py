"""What the in-process broker does by a clock that stands still until it is moved."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import Binding, Outgoing, Queue, Topology
from tests.support.clock import ManualClock, settle

_TOPOLOGY = Topology(
    ("work",),
    ("events",),
    (
        Queue("email", (Binding("work", "email"),)),
        Queue("small", (Binding("work", "small"),), max_length=2),
        Queue("brief", (Binding("work", "brief"),), ttl=timedelta(seconds=30)),
        Queue("failed", (Binding("work", "failed"),), max_length=1),
    ),
    (timedelta(seconds=1), timedelta(seconds=16)),
    dead_letter_key="failed",
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def broker(clock: ManualClock) -> AsyncIterator[MemoryBroker]:
    broker = MemoryBroker(clock, max_messages=6)
    await broker.declare(_TOPOLOGY)
    yield broker
    await broker.close()


def _message(key: str = "email", body: bytes = b"", delay: float | None = None) -> Outgoing:
    return Outgoing("work", key, body, f"{key}-{body!r}", delay=timedelta(seconds=delay) if delay else None)


async def _ready(broker: MemoryBroker, queue: str) -> int:
    return (await broker.stats([queue]))[0].messages


async def test_a_delay_ends_at_its_moment(broker: MemoryBroker, clock: ManualClock) -> None:
    await broker.publish([_message(delay=16)])
    await clock.advance(15.999)
    assert await _ready(broker, "email") == 0
    await clock.advance(0.001)
    assert await _ready(broker, "email") == 1


async def test_a_delayed_message_that_finds_its_queue_full_is_kept(broker: MemoryBroker, clock: ManualClock) -> None:
    await broker.publish([_message("small", b"late", delay=1), _message("small", b"1"), _message("small", b"2")])
    await clock.advance(10)
    async with broker.consume("small", prefetch=5) as consumer:
        assert [delivery.body for delivery in await consumer.receive(5)] == [b"1", b"2"]
        await clock.advance(1)
        assert [delivery.body for delivery in await consumer.receive(5)] == [b"late"]


async def test_what_expires_waits_for_room_in_the_failed_queue(broker: MemoryBroker, clock: ManualClock) -> None:
    await broker.publish([_message("brief", b"1"), _message("brief", b"2")])
    await clock.advance(30)
    assert (await _ready(broker, "brief"), await _ready(broker, "failed")) == (0, 1)
    async with broker.consume("failed", prefetch=5) as consumer:
        assert [delivery.body for delivery in await consumer.receive(5)] == [b"1"]
        await clock.advance(1)
        assert [delivery.body for delivery in await consumer.receive(5)] == [b"2"]


async def test_what_is_given_back_too_late_expires(broker: MemoryBroker, clock: ManualClock) -> None:
    await broker.publish([_message("brief")])
    async with broker.consume("brief", prefetch=1) as consumer:
        held = await consumer.receive(1)
        await clock.advance(31)
        assert await _ready(broker, "failed") == 0
        await consumer.release(held)
    await settle()
    assert (await _ready(broker, "brief"), await _ready(broker, "failed")) == (0, 1)


async def test_it_holds_no_more_than_its_bound_counting_every_kind(broker: MemoryBroker, clock: ManualClock) -> None:
    assert (
        await broker.publish([_message(body=b"1"), _message(body=b"2"), _message(delay=1), _message(delay=16)])
        == [True] * 4
    )
    async with broker.consume("email", prefetch=1) as consumer:
        held = await consumer.receive(1)
        assert await broker.publish([_message(body=bytes([place])) for place in range(3)]) == [True, True, False]
        await consumer.ack(held)
        assert await broker.publish([_message(body=b"8"), _message(body=b"9")]) == [True, False]
    await clock.advance(20)
    assert await broker.publish([_message()]) == [False]
    async with broker.consume("email", prefetch=6) as consumer:
        await consumer.ack(await consumer.receive(6))
    assert await broker.publish([_message(body=bytes([place])) for place in range(7)]) == [True] * 6 + [False]


async def test_consumers_take_turns(broker: MemoryBroker) -> None:
    async with broker.consume("email", prefetch=9) as one, broker.consume("email", prefetch=9) as other:
        await broker.publish([_message(body=bytes([place])) for place in range(6)])
        assert len(await one.receive(9)) == len(await other.receive(9)) == 3


async def test_a_consumer_may_come_before_its_queue_is_declared(clock: ManualClock) -> None:
    broker = MemoryBroker(clock)
    async with broker.consume("email", prefetch=1) as consumer:
        await broker.declare(_TOPOLOGY)
        await broker.publish([_message(body=b"1")])
        assert len(await consumer.receive(1)) == 1
    await broker.close()


async def test_no_task_is_left_when_nothing_is_to_come(broker: MemoryBroker, clock: ManualClock) -> None:
    before = asyncio.all_tasks()
    await broker.publish([_message(delay=1), _message()])
    await clock.advance(1)
    assert asyncio.all_tasks() == before


@pytest.mark.fault(55)
async def test_dead_letters_take_no_room_from_work(clock: ManualClock) -> None:
    broker = MemoryBroker(clock, max_messages=6)
    queues = tuple(replace(queue, max_length=None) for queue in _TOPOLOGY.queues)
    await broker.declare(replace(_TOPOLOGY, queues=queues))
    assert all(await broker.publish([_message("failed", str(n).encode()) for n in range(20)]))
    assert all(await broker.publish([_message(body=str(n).encode()) for n in range(6)]))
    assert await broker.publish([_message()]) == [False]
    async with broker.consume("failed", prefetch=20) as consumer:
        await consumer.ack(await consumer.receive(20))
    assert await broker.publish([_message()]) == [False]
    async with broker.consume("email", prefetch=1) as consumer:
        await consumer.ack(await consumer.receive(1))
    assert await broker.publish([_message()]) == [True]
    await broker.close()
