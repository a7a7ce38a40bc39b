"""Properties that are not what they should be cost neither the connection nor the messages around them."""

import asyncio
from collections.abc import AsyncIterator
from io import StringIO

import pytest

from angarium.platform.broker.port import Broker, Topology
from angarium.platform.broker.rabbitmq.broker import RabbitMQBroker
from angarium.platform.clock import SystemClock
from angarium.platform.telemetry.logging import Logger
from tests.conformance.broker.messages import bodies, collect, numbered, outgoing
from tests.support.raw_amqp import PROPERTIES, publish_raw
from tests.support.servers import RabbitMQ

pytestmark = pytest.mark.distributed

_SECONDS = 5.0


@pytest.fixture
async def broker(rabbitmq_url: str, topology: Topology, logger: Logger) -> AsyncIterator[Broker]:
    broker = RabbitMQBroker(rabbitmq_url, clock=SystemClock(), logger=logger)
    await broker.declare(topology)
    yield broker
    await broker.close()


@pytest.mark.fault(44)
async def test_every_odd_message_is_delivered_among_its_neighbours(
    broker: Broker, rabbitmq_url: str, log: StringIO
) -> None:
    async with broker.consume("email", prefetch=50) as consumer:
        for position, properties in enumerate(PROPERTIES.values()):
            assert all(await broker.publish([outgoing(body=b"%d" % (2 * position))]))
            await publish_raw(rabbitmq_url, (b"email", b"%d" % (2 * position + 1), properties))
        count = 2 * len(PROPERTIES)
        delivered = await collect(consumer, count, seconds=_SECONDS)
        assert sorted(bodies(delivered)) == list(range(count))
        assert not any(delivery.redelivered for delivery in delivered)
    assert "connection_lost" not in log.getvalue()


async def test_a_backlog_with_odd_messages_is_read_by_a_consumer_that_comes_later(
    broker: Broker, rabbitmq_url: str, log: StringIO
) -> None:
    odd = [(b"email", b"%d" % (100 + position), properties) for position, properties in enumerate(PROPERTIES.values())]
    assert all(await broker.publish(numbered(20)))
    await publish_raw(rabbitmq_url, *odd)
    assert all(await broker.publish(numbered(20)))
    async with broker.consume("email", prefetch=100) as consumer:
        delivered = bodies(await collect(consumer, 40 + len(odd), seconds=_SECONDS))
    assert sorted(delivered) == sorted([*range(20), *range(20), *range(100, 100 + len(odd))])
    assert "connection_lost" not in log.getvalue()


async def test_a_routing_key_that_is_not_utf_8_is_delivered(broker: Broker, rabbitmq_url: str) -> None:
    async with broker.consume("audit", prefetch=10) as consumer:
        await publish_raw(rabbitmq_url, (b"\xff.failed", b"1", b"\x00\x00"), exchange=b"events")
        [delivery] = await collect(consumer, 1, seconds=_SECONDS)
    assert delivery.routing_key == "\ufffd.failed"
    assert (delivery.message_id, delivery.headers) == (None, {})


@pytest.mark.fault(64)
async def test_a_broker_without_a_limit_of_frames_takes_messages(
    rabbitmq: RabbitMQ, rabbitmq_url: str, topology: Topology, logger: Logger
) -> None:
    await rabbitmq.erlang("application:set_env(rabbit, frame_max, 0).")
    broker = RabbitMQBroker(rabbitmq_url, clock=SystemClock(), logger=logger)
    try:
        await broker.declare(topology)
        body = b"1" * 400_000
        async with asyncio.timeout(_SECONDS * 2):
            assert await broker.publish([outgoing(body=body)]) == [True]
        async with broker.consume("email", prefetch=10) as consumer:
            [delivery] = await collect(consumer, 1, seconds=_SECONDS)
        assert delivery.body == body
    finally:
        await rabbitmq.erlang("application:set_env(rabbit, frame_max, 131072).")
        await broker.close()
