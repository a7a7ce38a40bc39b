"""What only a real server can show: missing parts of the topology, its limits, its nodes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from urllib.parse import urlsplit

import aiormq
import pytest

from angarium.platform.broker.port import Broker, BrokerUnavailable, Topology
from angarium.platform.broker.rabbitmq.broker import RabbitMQBroker
from angarium.platform.clock import SystemClock
from angarium.platform.telemetry.logging import Logger
from tests.conformance.broker.conftest import SHORT
from tests.conformance.broker.messages import bodies, collect, numbered, outgoing, take, until_ready
from tests.support.servers import RabbitMQ
from tests.support.servers.ports import free_port
from tests.support.wait import until

pytestmark = pytest.mark.distributed


@pytest.fixture
async def broker(rabbitmq_url: str, topology: Topology, logger: Logger) -> AsyncIterator[Broker]:
    broker = RabbitMQBroker(rabbitmq_url, clock=SystemClock(), logger=logger)
    await broker.declare(topology)
    yield broker
    await broker.close()


@pytest.fixture
async def channel(rabbitmq_url: str) -> AsyncIterator[aiormq.abc.AbstractChannel]:
    """An operator's hand in the broker."""
    connection = await aiormq.connect(rabbitmq_url)
    yield await connection.channel()
    await connection.close()


@pytest.fixture
async def impatient(rabbitmq: RabbitMQ, rabbitmq_url: str) -> AsyncIterator[None]:
    """A server that tries a dead letter again after a second, not after three minutes."""
    await rabbitmq.erlang("application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, 1000).")
    yield
    await rabbitmq.erlang("application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, 180000).")


async def _published(broker: Broker) -> bool:
    return all(await broker.publish([outgoing()]))


@pytest.mark.fault(11)
async def test_a_deleted_queue_refuses_and_is_declared_again(
    broker: Broker, channel: aiormq.abc.AbstractChannel
) -> None:
    await channel.queue_delete("email")
    assert await broker.publish([outgoing()]) == [False]
    await until(lambda: _published(broker))
    await until_ready(broker, "email", 1)


@pytest.mark.fault(12)
async def test_a_missing_binding_refuses_and_is_declared_again(
    broker: Broker, channel: aiormq.abc.AbstractChannel
) -> None:
    await channel.queue_unbind("email", "work", "email")
    assert await broker.publish([outgoing()]) == [False]
    await until(lambda: _published(broker))


@pytest.mark.fault(12)
async def test_a_missing_exchange_refuses_and_is_declared_again(
    broker: Broker, channel: aiormq.abc.AbstractChannel
) -> None:
    await channel.exchange_delete("work")
    assert await broker.publish(numbered(3)) == [False] * 3
    await until(lambda: _published(broker))


async def test_a_missing_delay_queue_refuses_and_is_declared_again(
    broker: Broker, channel: aiormq.abc.AbstractChannel
) -> None:
    await channel.queue_delete(f"retry.{SHORT // timedelta(milliseconds=1)}.queue")
    assert await broker.publish([outgoing(delay=SHORT, mandatory=False)]) == [False]

    async def taken() -> bool:
        return all(await broker.publish([outgoing(delay=SHORT)]))

    await until(taken)


@pytest.mark.fault(11)
async def test_a_consumer_of_a_deleted_queue_gets_what_comes_to_the_new_one(
    broker: Broker, channel: aiormq.abc.AbstractChannel
) -> None:
    async with broker.consume("email", prefetch=10) as consumer:
        await broker.publish([outgoing(body=b"1")])
        await take(consumer, 1)
        await channel.queue_delete("email")
        await until(lambda: _published(broker))
        assert len(await collect(consumer, 1)) == 1


@pytest.mark.fault(64)
async def test_a_consumer_that_the_broker_forgot_subscribes_again(
    rabbitmq_url: str, topology: Topology, logger: Logger, channel: aiormq.abc.AbstractChannel
) -> None:
    broker = RabbitMQBroker(rabbitmq_url, clock=SystemClock(), logger=logger, idle_check=timedelta(milliseconds=200))
    try:
        await broker.declare(topology)
        async with broker.consume("email", prefetch=2) as consumer:
            await until(lambda: _consumed(broker))
            await channel.queue_delete("email")
            await broker.declare(replace(topology, delays=topology.delays[:1]))
            assert all(await broker.publish(numbered(5)))
            assert sorted(bodies(await collect(consumer, 5))) == [0, 1, 2, 3, 4]
    finally:
        await broker.close()


async def _consumed(broker: Broker) -> bool:
    return (await broker.stats(["email"]))[0].consumers == 1


async def test_sizes_of_a_deleted_queue_are_zero_until_it_is_declared_again(
    broker: Broker, channel: aiormq.abc.AbstractChannel
) -> None:
    await broker.publish(numbered(2))
    await channel.queue_delete("email")
    (stats,) = await broker.stats(["email"])
    assert (stats.messages, stats.consumers) == (0, 0)
    await until(lambda: _published(broker))


@pytest.mark.usefixtures("impatient")
@pytest.mark.fault(13)
async def test_a_delayed_message_outlives_a_missing_queue(broker: Broker, channel: aiormq.abc.AbstractChannel) -> None:
    assert await broker.publish([outgoing(body=b"99", delay=SHORT)]) == [True]
    await channel.queue_unbind("email", "work", "email")
    async with broker.consume("email", prefetch=1) as consumer:
        await until(lambda: _gone(channel, SHORT))
        await channel.queue_bind("email", "work", "email")
        assert bodies(await take(consumer, 1)) == [99]


async def _gone(channel: aiormq.abc.AbstractChannel, delay: timedelta) -> bool:
    found = await channel.queue_declare(f"retry.{delay // timedelta(milliseconds=1)}.queue", passive=True)
    return found.message_count == 0


@pytest.mark.usefixtures("impatient")
async def test_a_delayed_message_that_finds_its_queue_full_is_kept(broker: Broker) -> None:
    assert await broker.publish([outgoing("small", b"99", delay=SHORT)]) == [True]
    while all(await broker.publish([outgoing("small", b"1")])):
        pass
    async with broker.consume("small", prefetch=100) as consumer:
        while 99 not in bodies(arrived := await take(consumer, 1)):
            await consumer.ack(arrived)


async def test_messages_are_persistent_json_with_their_correlation(
    broker: Broker, channel: aiormq.abc.AbstractChannel
) -> None:
    await broker.publish([outgoing(message_id="7")])
    found = await channel.basic_get("email")
    properties = found.header.properties
    assert (properties.content_type, properties.delivery_mode) == ("application/json", 2)
    assert (properties.message_id, properties.correlation_id) == ("7", "c-7")
    assert properties.timestamp is not None


async def test_headers_that_the_broker_adds_are_not_passed_on(broker: Broker) -> None:
    await broker.publish([outgoing(delay=SHORT, message_id="7")])
    async with broker.consume("email", prefetch=1) as consumer:
        (delivery,) = await take(consumer, 1)
    assert delivery.headers == {"x-correlation-id": "c-7"}


async def test_every_queue_is_a_durable_quorum_queue_that_never_drops(
    broker: Broker, rabbitmq: RabbitMQ, rabbitmq_url: str, topology: Topology
) -> None:
    vhost = urlsplit(rabbitmq_url).path[1:]
    listing = await rabbitmq.ctl("list_queues", "-p", vhost, "--no-table-headers", "durable", "type", "arguments")
    queues = listing.splitlines()
    assert len(queues) == len(topology.queues) + len(topology.delays)
    for queue in queues:
        assert queue.startswith("true\tquorum")
        assert '{"x-delivery-limit",1000000}' in queue
        assert '{"x-overflow","reject-publish"}' in queue


async def test_nodes_are_tried_in_turn(rabbitmq_url: str, topology: Topology, logger: Logger) -> None:
    head, _, tail = rabbitmq_url.partition("@")
    dead = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    broker = RabbitMQBroker(f"{head}@{','.join(dead)},{tail}", clock=SystemClock(), logger=logger)
    try:
        await broker.declare(topology)
        assert await _published(broker)
    finally:
        await broker.close()


async def test_wrong_credentials_are_unavailable_and_not_shown(
    rabbitmq_url: str, topology: Topology, logger: Logger, log: StringIO
) -> None:
    broker = RabbitMQBroker(rabbitmq_url.replace(":guest@", ":wr0ng@"), clock=SystemClock(), logger=logger)
    try:
        with pytest.raises(BrokerUnavailable) as refused:
            await broker.declare(topology)
    finally:
        await broker.close()
    assert "wr0ng" not in f"{refused.value}{log.getvalue()}"


async def test_a_conflict_found_after_a_reconnection_is_logged_and_not_ready(
    rabbitmq_url: str, broker: Broker, topology: Topology, logger: Logger, log: StringIO
) -> None:
    changed = replace(topology.queues[0], max_length=7)
    other = RabbitMQBroker(rabbitmq_url, clock=SystemClock(), logger=logger)
    try:
        with pytest.raises(Exception, match="queue email exists"):
            await other.declare(replace(topology, queues=(changed,)))
        await until(lambda: "queue email exists" in log.getvalue())
        assert not await other.ready()
    finally:
        await other.close()


async def test_a_broker_can_be_left_at_any_moment_of_a_failing_connection(
    rabbitmq_url: str, topology: Topology, logger: Logger
) -> None:
    for moment in range(150):
        broker = RabbitMQBroker(rabbitmq_url.replace(":guest@", ":wr0ng@"), clock=SystemClock(), logger=logger)
        with pytest.raises(BrokerUnavailable):
            await broker.declare(topology)
        for _ in range(moment % 50):
            await asyncio.sleep(0)  # the other connection is still failing
        await asyncio.wait_for(broker.close(), 10)
