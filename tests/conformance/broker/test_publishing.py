"""What every broker says about a message that is published, and where it takes it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from angarium.platform.broker.port import Broker, BrokerUnavailable, Outgoing, Topology, TopologyConflict
from tests.conformance.broker.messages import bodies, collect, numbered, outgoing, take, until_ready


async def test_a_taken_message_arrives_as_it_was_published(broker: Broker) -> None:
    message = Outgoing("work", "email", b'{"a":1}', "id-1", {"x-correlation-id": "c-1", "traceparent": "t-1"})
    assert await broker.publish([message]) == [True]
    async with broker.consume("email", prefetch=1) as consumer:
        (delivery,) = await take(consumer, 1)
    assert (delivery.queue, delivery.routing_key, delivery.body) == ("email", "email", b'{"a":1}')
    assert (delivery.message_id, delivery.headers, delivery.redelivered) == ("id-1", message.headers, False)


async def test_each_message_has_its_own_answer_in_order(broker: Broker) -> None:
    keys = ["email", "nobody", "email.urgent", "nobody", "email"]
    assert await broker.publish([outgoing(key) for key in keys]) == [True, False, True, False, True]
    await until_ready(broker, "email", 2)
    await until_ready(broker, "email.urgent", 1)


async def test_nothing_to_publish_is_nothing(broker: Broker) -> None:
    assert await broker.publish([]) == []


async def test_an_unknown_exchange_takes_nothing_and_spoils_nothing(broker: Broker) -> None:
    assert await broker.publish([outgoing(), outgoing(exchange="elsewhere"), outgoing()]) == [True, False, True]


async def test_an_unroutable_message_without_mandatory_counts_as_taken(broker: Broker) -> None:
    assert await broker.publish([outgoing("sms.sent", exchange="events", mandatory=False)]) == [True]


async def test_with_mandatory_a_topic_without_a_binding_does_not_take(broker: Broker) -> None:
    assert await broker.publish([outgoing("sms.sent", exchange="events")]) == [False]


async def test_a_message_reaches_each_bound_queue_once(broker: Broker) -> None:
    keys = ["email.sent", "email.failed", "sms.failed", "failed", "sms.failed.late"]
    taken = await broker.publish([outgoing(key, exchange="events") for key in keys])
    assert taken == [True, True, True, True, False]
    async with broker.consume("audit", prefetch=10) as consumer:
        assert [delivery.routing_key for delivery in await collect(consumer, 4)] == keys[:4]
    async with broker.consume("sent", prefetch=10) as consumer:
        assert [delivery.routing_key for delivery in await collect(consumer, 1)] == ["email.sent"]
    await until_ready(broker, "audit", 0)


async def test_lanes_are_apart(broker: Broker) -> None:
    await broker.publish([outgoing("email", b"1"), outgoing("email.urgent", b"2")])
    async with broker.consume("email.urgent", prefetch=10) as urgent, broker.consume("email", prefetch=10) as normal:
        assert bodies(await collect(urgent, 1)) == [2]
        assert bodies(await collect(normal, 1)) == [1]


async def test_a_full_queue_refuses_and_keeps_what_it_took(broker: Broker) -> None:
    taken: list[Outgoing] = []
    for message in numbered(60, "small"):
        (ok,) = await broker.publish([message])
        if not ok:
            break
        taken.append(message)
    assert 5 <= len(taken) < 60
    async with broker.consume("small", prefetch=100) as consumer:
        arrived = await collect(consumer, len(taken))
    assert bodies(arrived) == list(range(len(taken)))


async def test_a_queue_that_was_full_takes_again(broker: Broker) -> None:
    while all(await broker.publish([outgoing("small")])):
        pass
    async with broker.consume("small", prefetch=100) as consumer:
        await collect(consumer, 5)
        async with asyncio.timeout(10):
            while not all(await broker.publish([outgoing("small")])):
                await collect(consumer, 1)


async def test_a_large_burst_is_taken_whole_and_arrives_in_order(broker: Broker) -> None:
    assert all(await broker.publish(numbered(5000)))
    async with broker.consume("email", prefetch=500) as consumer:
        assert bodies(await collect(consumer, 5000)) == list(range(5000))


async def test_concurrent_publishes_get_their_own_answers(broker: Broker) -> None:
    def burst(number: int) -> list[Outgoing]:
        return [outgoing("email" if (number + place) % 3 else "nobody") for place in range(number % 25)]

    bursts = [burst(number) for number in range(80)]
    answers = await asyncio.gather(*(broker.publish(messages) for messages in bursts))
    for messages, answer in zip(bursts, answers, strict=True):
        assert answer == [message.routing_key == "email" for message in messages]


async def test_one_message_id_many_times_at_once_is_answered_rightly(broker: Broker) -> None:
    messages = [outgoing("email" if place % 2 else "nobody", message_id="same") for place in range(20)]
    expected = [bool(place % 2) for place in range(20)]
    answers = await asyncio.gather(*(broker.publish(messages) for _ in range(3)))
    assert answers == [expected] * 3
    await until_ready(broker, "email", 30)


@pytest.mark.parametrize("size", [0, 1, 131_063, 131_064, 131_065, 1_000_000])
async def test_a_body_of_any_size_arrives_whole(broker: Broker, size: int) -> None:
    body = bytes(place % 251 for place in range(size))
    assert await broker.publish([outgoing(body=body), outgoing(body=b"after")]) == [True, True]
    async with broker.consume("email", prefetch=10) as consumer:
        assert [delivery.body for delivery in await collect(consumer, 2)] == [body, b"after"]


async def test_a_delay_that_was_not_declared_is_an_error(broker: Broker) -> None:
    with pytest.raises(ValueError, match="no delay queue"):
        await broker.publish([outgoing(delay=timedelta(seconds=3))])


async def test_a_delayed_message_goes_to_the_first_direct_exchange_only(broker: Broker, topology: Topology) -> None:
    with pytest.raises(ValueError, match="goes to work"):
        await broker.publish([outgoing("email.sent", exchange="events", delay=topology.delays[0])])


async def test_before_a_topology_is_declared_nothing_can_be_published(undeclared: Broker) -> None:
    assert not await undeclared.ready()
    assert await undeclared.problem() is not None
    with pytest.raises(BrokerUnavailable):
        await undeclared.publish([outgoing()])


async def test_declaring_again_changes_nothing(broker: Broker, topology: Topology) -> None:
    await broker.publish(numbered(3))
    await broker.declare(topology)
    await until_ready(broker, "email", 3)
    assert await broker.ready()
    assert await broker.problem() is None
    await until_ready(broker, "email", 3)  # its probe goes to no queue


async def test_declaring_more_adds_it(broker: Broker, topology: Topology) -> None:
    direct, urgent = topology.queues[:2]
    both = replace(direct, bindings=(*direct.bindings, *urgent.bindings))
    await broker.declare(replace(topology, queues=(both, *topology.queues[1:])))
    assert await broker.publish([outgoing("email.urgent")]) == [True]
    await until_ready(broker, "email", 1)
    await until_ready(broker, "email.urgent", 1)


async def test_a_queue_with_other_arguments_is_named(broker: Broker, topology: Topology) -> None:
    changed = replace(topology.queues[0], max_length=7)
    with pytest.raises(TopologyConflict, match="queue email exists"):
        await broker.declare(replace(topology, queues=(changed, *topology.queues[1:])))


async def test_a_closed_broker_publishes_nothing_and_may_be_closed_again(broker: Broker) -> None:
    await broker.close()
    await broker.close()
    assert not await broker.ready()
    with pytest.raises(BrokerUnavailable):
        await broker.publish([outgoing()])


async def test_sizes_and_consumers_are_counted_in_the_order_asked(broker: Broker) -> None:
    await broker.publish(numbered(3))
    await until_ready(broker, "email", 3)
    async with broker.consume("email.urgent", prefetch=1) as consumer:
        await broker.publish([outgoing("email.urgent")])
        await take(consumer, 1)
        urgent, email = await broker.stats(["email.urgent", "email"])
    assert (urgent.name, urgent.messages, urgent.consumers) == ("email.urgent", 0, 1)
    assert (email.name, email.messages, email.consumers) == ("email", 3, 0)
