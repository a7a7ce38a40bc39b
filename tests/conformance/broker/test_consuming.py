"""What every broker does with deliveries until they are acknowledged."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from angarium.platform.broker.port import Broker, BrokerUnavailable, Consumer
from tests.conformance.broker.messages import bodies, collect, nothing_comes, numbered, outgoing, take, until_ready
from tests.support.wait import until


async def test_a_consumer_holds_no_more_than_its_prefetch(broker: Broker) -> None:
    await broker.publish(numbered(10))
    async with broker.consume("email", prefetch=3) as consumer:
        held = await take(consumer, 3)
        assert await nothing_comes(consumer)
        await until_ready(broker, "email", 7)
        await consumer.ack(held[:2])
        assert bodies(await take(consumer, 2)) == [3, 4]
        assert await nothing_comes(consumer)


async def test_receive_gives_what_is_there_up_to_the_limit(broker: Broker) -> None:
    await broker.publish(numbered(5))
    async with broker.consume("email", prefetch=10) as consumer:
        await until_ready(broker, "email", 0)
        first = await consumer.receive(3)
        assert 1 <= len(first) <= 3
        assert bodies([*first, *await take(consumer, 5 - len(first))]) == [0, 1, 2, 3, 4]


async def test_receive_waits_for_the_first(broker: Broker) -> None:
    async with broker.consume("email", prefetch=10) as consumer:
        receiving = asyncio.ensure_future(consumer.receive(10))
        await broker.publish([outgoing(body=b"7")])
        assert bodies(list(await asyncio.wait_for(receiving, 10))) == [7]


async def test_waiting_takes_nothing(broker: Broker) -> None:
    async with broker.consume("email", prefetch=10) as consumer:
        waits = asyncio.ensure_future(consumer.wait())
        await asyncio.wait({waits}, timeout=0.05)
        assert (waits.done(), consumer.waiting, consumer.take(10)) == (False, 0, [])
        await broker.publish(numbered(3))
        await asyncio.wait_for(waits, 10)
        await until(lambda: consumer.waiting == 3)
        await asyncio.wait_for(consumer.wait(), 10)
        assert bodies(consumer.take(2)) == [0, 1]
        assert consumer.waiting == 1
        assert bodies(consumer.take(2)) == [2]
        assert (consumer.waiting, consumer.take(2)) == (0, [])


async def test_what_was_not_taken_goes_back_with_the_rest(broker: Broker) -> None:
    await broker.publish(numbered(4))
    async with broker.consume("email", prefetch=10) as consumer:
        await until(lambda: consumer.waiting == 4)
        await consumer.ack(consumer.take(1))
    async with broker.consume("email", prefetch=10) as consumer:
        assert sorted(bodies(await take(consumer, 3))) == [1, 2, 3]


async def test_cancelling_receive_loses_nothing(broker: Broker) -> None:
    count = 200
    got: list[int] = []
    async with broker.consume("email", prefetch=50) as consumer:
        publishing = asyncio.ensure_future(_trickle(broker, count))
        async with asyncio.timeout(20):
            while len(got) < count:
                receiving = asyncio.ensure_future(consumer.receive(7))
                await asyncio.wait({receiving}, timeout=0.001)
                if not receiving.cancel():
                    got += bodies(list(receiving.result()))
                    await consumer.ack(receiving.result())
                await asyncio.wait({receiving})
        await publishing
    assert sorted(got) == list(range(count))


async def _trickle(broker: Broker, count: int) -> None:
    for message in numbered(count):
        await broker.publish([message])


async def test_closing_a_consumer_gives_back_what_is_unacknowledged(broker: Broker) -> None:
    await broker.publish(numbered(6))
    async with broker.consume("email", prefetch=4) as consumer:
        await consumer.ack((await take(consumer, 4))[1:3])
    async with broker.consume("email", prefetch=10) as consumer:
        again = await take(consumer, 4)
    assert sorted(bodies(again)) == [0, 3, 4, 5]
    assert {int(delivery.body) for delivery in again if delivery.redelivered} >= {0, 3}


async def test_what_was_acknowledged_does_not_come_again(broker: Broker) -> None:
    await broker.publish(numbered(5))
    async with broker.consume("email", prefetch=10) as consumer:
        await consumer.ack(await take(consumer, 5))
    await until_ready(broker, "email", 0)
    async with broker.consume("email", prefetch=10) as consumer:
        assert await nothing_comes(consumer)


async def test_deliveries_may_be_acknowledged_in_any_order_and_grouping(broker: Broker) -> None:
    await broker.publish(numbered(12))
    async with broker.consume("email", prefetch=12) as consumer:
        held = await take(consumer, 12)
        for places in ([5], [0, 1, 7], [2, 3], [11, 4, 6], []):
            await consumer.ack([held[place] for place in places])
    async with broker.consume("email", prefetch=12) as consumer:
        assert sorted(bodies(await take(consumer, 3))) == [8, 9, 10]
        assert await nothing_comes(consumer)


async def test_concurrent_acknowledgements_are_all_counted(broker: Broker) -> None:
    await broker.publish(numbered(300))
    async with broker.consume("email", prefetch=300) as consumer:
        held = await take(consumer, 300)
        await asyncio.gather(*(consumer.ack(held[start::10]) for start in range(9)))
    async with broker.consume("email", prefetch=300) as consumer:
        assert sorted(bodies(await take(consumer, 30))) == list(range(9, 300, 10))
        assert await nothing_comes(consumer)


async def test_acknowledging_twice_is_acknowledging_once(broker: Broker) -> None:
    await broker.publish(numbered(4))
    async with broker.consume("email", prefetch=2) as consumer:
        first = await take(consumer, 2)
        await consumer.ack(first)
        await consumer.ack(first)
        await consumer.release(first)
        assert bodies(await take(consumer, 2)) == [2, 3]
        assert await nothing_comes(consumer)


async def test_a_released_delivery_comes_again_marked(broker: Broker) -> None:
    await broker.publish(numbered(3))
    async with broker.consume("email", prefetch=3) as consumer:
        held = await take(consumer, 3)
        await consumer.release(held[1:2])
        (again,) = await take(consumer, 1)
        assert (again.body, again.redelivered) == (b"1", True)


async def test_a_stopped_consumer_gives_back_what_was_not_taken_and_settles_the_rest(broker: Broker) -> None:
    await broker.publish(numbered(20))
    async with broker.consume("email", prefetch=10) as stopping:
        begun = await take(stopping, 4)
        await until(lambda: stopping.waiting == 6)
        await stopping.stop()
        assert stopping.waiting == 0
        async with broker.consume("email", prefetch=50) as other:
            assert sorted(bodies(await collect(other, 16))) == list(range(4, 20))
            await stopping.ack(begun[:3])
            await stopping.release(begun[3:])
            assert bodies(await collect(other, 1)) == [3]
        await broker.publish(numbered(1))
        await until_ready(broker, "email", 1)


async def test_a_delivery_of_a_closed_consumer_cannot_be_settled(broker: Broker) -> None:
    await broker.publish(numbered(2))
    async with broker.consume("email", prefetch=2) as consumer:
        stale = await take(consumer, 2)
    await consumer.ack(stale)
    await consumer.release(stale)
    async with broker.consume("email", prefetch=2) as other:
        fresh = await take(other, 2)
        await other.ack(stale)
        assert sorted(bodies(fresh)) == [0, 1]
    await until_ready(broker, "email", 2)


async def _consumed_by(broker: Broker, count: int) -> bool:
    return (await broker.stats(["email"]))[0].consumers == count


async def test_consumers_of_one_queue_share_it(broker: Broker) -> None:
    async with broker.consume("email", prefetch=5) as one, broker.consume("email", prefetch=5) as other:
        await until(lambda: _consumed_by(broker, 2))
        await broker.publish([outgoing(body=b"0"), outgoing(body=b"0")])
        await asyncio.gather(take(one, 1), take(other, 1))
        assert all(await broker.publish(numbered(8)))
        mine, yours = await asyncio.gather(take(one, 4), take(other, 4))
        assert sorted(bodies(mine) + bodies(yours)) == list(range(8))


async def test_a_consumer_that_holds_its_prefetch_leaves_the_rest_to_others(broker: Broker) -> None:
    await broker.publish(numbered(10))
    async with broker.consume("email", prefetch=2) as stuck:
        await take(stuck, 2)
        async with broker.consume("email", prefetch=100) as other:
            assert len(await collect(other, 8)) == 8


@pytest.mark.parametrize("waits", [lambda consumer: consumer.wait(), lambda consumer: consumer.receive(1)])
async def test_a_closed_broker_lets_receivers_go(
    broker: Broker, waits: Callable[[Consumer], Coroutine[Any, Any, object]]
) -> None:
    async with broker.consume("email", prefetch=1) as consumer:
        receiving = asyncio.ensure_future(waits(consumer))
        await asyncio.wait({receiving}, timeout=0.05)
        await broker.close()
        with pytest.raises(BrokerUnavailable):
            await asyncio.wait_for(receiving, 10)
