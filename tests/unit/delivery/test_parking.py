"""A parked message takes no variables into a delay queue, nor anything with which it could not be published."""

import asyncio
import io
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest

from angarium.contracts.messages import WORK_EXCHANGE
from angarium.delivery.parking import Parking
from angarium.delivery.work import Carrier
from angarium.notifications.topology import build_topology
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import Late, Outgoing, Topology
from angarium.platform.telemetry.logging import make_logger
from tests.support.clock import ManualClock

HOUR = timedelta(hours=1)
TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"
OURS = {"notification_id": str(uuid4()), "request_id": "r", "odd": [1, 2.50, None]}


@pytest.mark.parametrize("wait", [timedelta(seconds=1), HOUR])
@pytest.mark.parametrize("sent", [OURS, {**OURS, "variables": {"name": "Ada"}}], ids=["ours", "foreign"])
async def test_no_delay_queue_holds_variables(wait: timedelta, sent: dict[str, object]) -> None:
    clock, topology = ManualClock(), build_topology(retry_delays=[HOUR])
    broker = MemoryBroker(clock)
    await broker.declare(topology)
    headers = {"x-correlation-id": "c-1", "traceparent": TRACEPARENT, "odd": "x"}
    await broker.publish([Outgoing(WORK_EXCHANGE, "email", msgspec.json.encode(sent), "m", headers)])
    async with broker.consume("email.queue", prefetch=1) as consumer:
        carrier = Carrier(uuid4(), tuple(await consumer.receive(1)), consumer, "email")
        await _parking(broker, topology, clock).park([(carrier, wait)])
        await clock.advance(wait.total_seconds())
        [back] = await consumer.receive(1)
        assert msgspec.json.decode(back.body) == OURS
        assert back.headers == {"x-correlation-id": "c-1", "traceparent": TRACEPARENT}
        await consumer.ack([back])
    await broker.close()


async def test_a_wait_beyond_the_longest_delay_is_left_to_the_record() -> None:
    clock, topology = ManualClock(), build_topology(retry_delays=[])
    broker = MemoryBroker(clock)
    await broker.declare(topology)
    body = msgspec.json.encode(OURS)
    await broker.publish([Outgoing(WORK_EXCHANGE, "email", body, message_id=name) for name in ("far", "near")])
    async with broker.consume("email.queue", prefetch=2) as consumer:
        far, near = await consumer.receive(2)
        longest = topology.delays[-1]
        waits = [(far, longest + timedelta(seconds=1)), (near, longest)]
        carriers = [(Carrier(uuid4(), (delivery,), consumer, "email"), wait) for delivery, wait in waits]
        await _parking(broker, topology, clock).park(carriers)
        await clock.advance(longest.total_seconds())
        [back] = await consumer.receive(10)
        assert back.message_id == str(carriers[1][0].notification_id)
        await consumer.ack([back])
    assert broker._held == 0
    await broker.close()


ODD = {
    "a name that is not UTF-8": b'{"request_id": "r", "x\xff": 1}',
    "large": b'{"request_id": "r", "x": "' + b"x" * 100_000 + b'"}',
    "deep": b'{"request_id": "r", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize(
    "headers",
    [{"x" * 300: "v"}, {"x-correlation-id": "c" * 300}, {"x-mine": "v" * 200_000}],
    ids=["name", "id", "value"],
)
async def test_what_cannot_be_published_again_is_left_out(body: bytes, headers: dict[str, str]) -> None:
    clock, topology = ManualClock(), build_topology(retry_delays=[HOUR])
    broker, id_ = MemoryBroker(clock), uuid4()
    await broker.declare(topology)
    await broker.publish([Outgoing(WORK_EXCHANGE, "email", body, message_id="m", headers=headers)])
    async with broker.consume("email.queue", prefetch=1) as consumer:
        carrier = Carrier(id_, tuple(await consumer.receive(1)), consumer, "sms.urgent")
        await _parking(broker, topology, clock).park([(carrier, HOUR)])
    async with broker.consume("sms.urgent.queue", prefetch=1) as consumer:
        await clock.advance(HOUR.total_seconds())
        [back] = await consumer.receive(1)
        bare = {"schema_version": 1, "request_id": "", "notification_id": str(id_)}
        assert (msgspec.json.decode(back.body), back.headers) == (bare, {})
    await broker.close()


async def test_a_correlation_id_goes_along() -> None:
    clock, topology = ManualClock(), build_topology(retry_delays=[HOUR])
    broker = MemoryBroker(clock)
    await broker.declare(topology)
    headers = {"x-correlation-id": "c", "x-mine": "v"}
    await broker.publish([Outgoing(WORK_EXCHANGE, "email", b'{"request_id": "r"}', message_id="m", headers=headers)])
    async with broker.consume("email.queue", prefetch=1) as consumer:
        carrier = Carrier(uuid4(), tuple(await consumer.receive(1)), consumer, "email")
        await _parking(broker, topology, clock).park([(carrier, HOUR)])
        await clock.advance(HOUR.total_seconds())
        [back] = await consumer.receive(1)
        assert (back.body, back.headers) == (b'{"request_id":"r"}', {"x-correlation-id": "c"})
    await broker.close()


class _Picky(MemoryBroker):
    """A broker whose encoder fails on one message."""

    async def publish(self, messages: Sequence[Outgoing], *, late: Late | None = None) -> Sequence[bool]:
        if any(b"odd" in message.body for message in messages):
            raise ValueError("odd")
        return await super().publish(messages, late=late)


async def test_a_message_that_cannot_be_parked_keeps_no_other_from_its_delay() -> None:
    clock, topology = ManualClock(), build_topology(retry_delays=[HOUR])
    broker = MemoryBroker(clock)
    await broker.declare(topology)
    bodies = [b'{"request_id":"%s"}' % name for name in (b"one", b"odd", b"two")]
    await broker.publish([Outgoing(WORK_EXCHANGE, "email", body, message_id=str(body)) for body in bodies])
    async with broker.consume("email.queue", prefetch=3) as consumer:
        deliveries = await consumer.receive(3)
        carriers = [(Carrier(uuid4(), (delivery,), consumer, "email"), HOUR) for delivery in deliveries]
        broker.__class__ = _Picky
        parking = asyncio.ensure_future(_parking(broker, topology, clock).park(carriers))
        await clock.advance(1)
        await parking
        [left] = await consumer.receive(3)
        assert (left.body, left.redelivered) == (bodies[1], True)
        await clock.advance(HOUR.total_seconds())
        assert {delivery.body for delivery in await consumer.receive(3)} == {bodies[0], bodies[2]}
    await broker.close()


def _parking(broker: MemoryBroker, topology: Topology, clock: ManualClock) -> Parking:
    logger = make_logger("email", stream=io.StringIO())
    return Parking(broker=broker, delays=topology.delays, most_waiting=64, clock=clock, logger=logger)
