"""Delays and times to live, by the clock on the wall: never early."""

import time

from angarium.platform.broker.port import Broker
from tests.conformance.broker.conftest import LONG, SHORT, TTL
from tests.conformance.broker.messages import bodies, nothing_comes, outgoing, take, until_ready

_LATE = 1.0


async def test_a_delayed_message_is_not_early_and_not_much_too_late(broker: Broker) -> None:
    async with broker.consume("email", prefetch=10) as consumer:
        start = time.monotonic()
        assert await broker.publish([outgoing(delay=SHORT)]) == [True]
        (delivery,) = await take(consumer, 1)
        waited = time.monotonic() - start
    assert SHORT.total_seconds() <= waited < SHORT.total_seconds() + _LATE
    assert (delivery.routing_key, delivery.headers["x-correlation-id"]) == ("email", f"c-{delivery.message_id}")


async def test_a_delayed_message_comes_back_to_its_own_lane(broker: Broker) -> None:
    await broker.publish([outgoing("email.urgent", b"1", delay=SHORT), outgoing("email", b"2", delay=SHORT)])
    async with broker.consume("email.urgent", prefetch=10) as urgent, broker.consume("email", prefetch=10) as normal:
        assert bodies(await take(urgent, 1)) == [1]
        assert bodies(await take(normal, 1)) == [2]


async def test_a_short_delay_does_not_wait_behind_a_long_one(broker: Broker) -> None:
    await broker.publish([outgoing(body=b"1", delay=LONG), outgoing(body=b"2", delay=SHORT)])
    async with broker.consume("email", prefetch=10) as consumer:
        assert bodies(await take(consumer, 2)) == [2, 1]


async def test_a_message_may_be_delayed_again_and_again(broker: Broker) -> None:
    async with broker.consume("email", prefetch=10) as consumer:
        start = time.monotonic()
        message = outgoing(delay=SHORT)
        for _ in range(3):
            assert await broker.publish([message]) == [True]
            (delivery,) = await take(consumer, 1)
            message = outgoing(body=delivery.body, message_id=delivery.message_id, delay=SHORT)
            await consumer.ack([delivery])
    assert time.monotonic() - start >= 3 * SHORT.total_seconds()


async def test_what_expires_in_a_queue_goes_to_the_failed_queue(broker: Broker) -> None:
    start = time.monotonic()
    assert await broker.publish([outgoing("brief", b"5")]) == [True]
    async with broker.consume("failed", prefetch=10) as failed:
        assert bodies(await take(failed, 1)) == [5]
        assert time.monotonic() - start >= TTL.total_seconds()
    await until_ready(broker, "brief", 0)


async def test_what_is_received_in_time_does_not_expire(broker: Broker) -> None:
    async with broker.consume("brief", prefetch=10) as consumer, broker.consume("failed", prefetch=10) as failed:
        await broker.publish([outgoing("brief", b"5")])
        held = await take(consumer, 1)
        assert await nothing_comes(failed, seconds=2 * TTL.total_seconds())
        await consumer.ack(held)
        assert await nothing_comes(failed)
