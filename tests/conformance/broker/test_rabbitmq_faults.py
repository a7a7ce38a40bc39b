"""The server killed, frozen, out of memory, cut off: nothing is lost, nothing hangs, everything recovers
automatically."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec
import pytest

from angarium.platform.broker.port import Broker, BrokerUnavailable, Consumer, Outgoing, Topology
from angarium.platform.broker.rabbitmq.broker import RabbitMQBroker
from angarium.platform.broker.rabbitmq.confirms import Burst
from angarium.platform.clock import SystemClock
from angarium.platform.telemetry.logging import Logger
from angarium.testing.proxy import Proxy
from tests.conformance.broker.messages import bodies, collect, numbered, outgoing, take
from tests.support.servers import RabbitMQ
from tests.support.wait import until

pytestmark = pytest.mark.distributed

_TIMEOUT = timedelta(seconds=1)
_RECOVERY = 30.0


@pytest.fixture
async def proxy(rabbitmq: RabbitMQ, rabbitmq_url: str) -> AsyncIterator[Proxy]:
    async with Proxy("127.0.0.1", rabbitmq.port) as proxy:
        yield proxy
        await rabbitmq.start()  # thawed, so that it closes what its clients have closed
        await until(lambda: proxy.connections == 0, _RECOVERY)


@pytest.fixture
async def broker(proxy: Proxy, rabbitmq_url: str, topology: Topology, logger: Logger) -> AsyncIterator[RabbitMQBroker]:
    broker = RabbitMQBroker(proxy.through(rabbitmq_url), clock=SystemClock(), logger=logger, publish_timeout=_TIMEOUT)
    await broker.declare(topology)
    yield broker
    await broker.close()


async def _publish_all(broker: Broker, messages: list[Outgoing]) -> None:
    """Publish again what is not confirmed, as an outbox does."""
    left = messages
    async with asyncio.timeout(2 * _RECOVERY):
        while left:
            try:
                taken = await broker.publish(left)
            except BrokerUnavailable:
                await asyncio.wait({asyncio.ensure_future(asyncio.sleep(0.1))})
                continue
            left = [message for message, ok in zip(left, taken, strict=True) if not ok]


async def _collect_each(consumer: Consumer, count: int) -> set[int]:
    seen: set[int] = set()
    async with asyncio.timeout(2 * _RECOVERY):
        while len(seen) < count:
            deliveries = await consumer.receive(50)
            seen.update(bodies(list(deliveries)))
            await consumer.ack(deliveries)
    return seen


@pytest.mark.fault(8)
async def test_a_consumer_goes_on_after_a_kill_and_nothing_is_lost(broker: Broker, rabbitmq: RabbitMQ) -> None:
    assert all(await broker.publish(numbered(400)))
    async with broker.consume("email", prefetch=50) as consumer:
        held = await take(consumer, 50)
        await rabbitmq.kill()
        await consumer.ack(held)
        await consumer.release(held)
        await until(lambda: _not_ready(broker))
        with pytest.raises(BrokerUnavailable):
            await broker.publish([outgoing()])
        with pytest.raises(BrokerUnavailable):
            await broker.stats(["email"])
        await rabbitmq.start()
        assert await _collect_each(consumer, 400) == set(range(400))
    await until(broker.ready, _RECOVERY)


async def _not_ready(broker: Broker) -> bool:
    return not await broker.ready()


async def test_publishing_through_a_kill_loses_nothing(broker: Broker, rabbitmq: RabbitMQ) -> None:
    messages = numbered(3000)
    publishing = [
        asyncio.ensure_future(_publish_all(broker, messages[start : start + 100])) for start in range(0, 3000, 100)
    ]
    await asyncio.wait(publishing, return_when=asyncio.FIRST_COMPLETED)
    await rabbitmq.kill()
    await rabbitmq.start()
    await asyncio.gather(*publishing)
    async with broker.consume("email", prefetch=500) as consumer:
        assert await _collect_each(consumer, 3000) == set(range(3000))


@pytest.mark.fault(17)
async def test_connections_cut_in_the_middle_of_a_burst_lose_nothing(broker: Broker, proxy: Proxy) -> None:
    messages = numbered(3000)
    async with broker.consume("email", prefetch=100) as consumer:
        collecting = asyncio.ensure_future(_collect_each(consumer, 3000))
        for start in range(0, 3000, 500):
            proxy.cut_after(20_000)
            await _publish_all(broker, messages[start : start + 500])
        assert await collecting == set(range(3000))


@pytest.mark.fault(60)
async def test_confirms_that_come_late_count_and_meanwhile_other_messages_pass(
    broker: Broker, rabbitmq: RabbitMQ
) -> None:
    late: list[int] = []
    assert await broker.publish([outgoing()], late=late.append) == [True]
    await rabbitmq.freeze()
    try:
        slow = [msgspec.structs.replace(message, message_id=f"slow-{n}") for n, message in enumerate(numbered(3))]
        assert await broker.publish(slow, late=late.append) == [False] * 3
        started = time.monotonic()
        assert await broker.publish(slow) == [False] * 3, "not published again while it may still be taken"
        assert time.monotonic() - started < _TIMEOUT.total_seconds() / 2
    finally:
        await rabbitmq.thaw()
    await until(lambda: sorted(late) == [0, 1, 2], 30)
    assert await broker.publish([slow[0], outgoing()]) == [True, True]
    [stats] = await broker.stats(["email"])
    assert stats.messages == 6


@pytest.mark.fault(64)
async def test_a_channel_that_confirms_nothing_any_more_is_replaced(
    broker: RabbitMQBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await broker.publish([outgoing()]) == [True]
    publisher = broker._publisher
    outlet, lost = publisher._outlet, msgspec.structs.replace(outgoing(), message_id="lost")
    assert outlet is not None
    burst = Burst([lost], [0], [False])
    outlet.confirms.expect(burst)  # as if its frames had been lost on their way to the queue's leader
    outlet.give_up(burst, None)
    assert await broker.publish([lost]) == [False], "it may still be taken"
    monkeypatch.setattr("angarium.platform.broker.rabbitmq.publish._STALLED", 0.0)
    assert await broker.publish([lost]) == [True]
    assert publisher._outlet is not outlet


@pytest.mark.fault(9)
async def test_out_of_memory_a_publish_ends_in_time_and_deliveries_go_on(broker: Broker, rabbitmq: RabbitMQ) -> None:
    assert all(await broker.publish(numbered(10)))
    await rabbitmq.ctl("set_vm_memory_high_watermark", "0.000001")
    try:
        start = time.monotonic()
        answers = await asyncio.gather(*(broker.publish(numbered(500, "email.urgent")) for _ in range(30)))
        assert time.monotonic() - start < 2 * _TIMEOUT.total_seconds()
        assert not any(ok for answer in answers for ok in answer)
        async with broker.consume("email", prefetch=5) as consumer:
            assert bodies(await collect(consumer, 10)) == list(range(10))
    finally:
        await rabbitmq.ctl("set_vm_memory_high_watermark", "0.4")
    await _publish_all(broker, numbered(10))


@pytest.mark.parametrize(
    ("alarm", "end", "reason"),
    [
        (("set_vm_memory_high_watermark", "0.000001"), ("set_vm_memory_high_watermark", "0.4"), "memory alarm"),
        (("set_disk_free_limit", "100000000000000"), ("set_disk_free_limit", "50000000"), "disk alarm"),
    ],
    ids=["memory", "disk"],
)
async def test_an_alarm_is_a_problem_with_its_reason(
    broker: Broker, rabbitmq: RabbitMQ, alarm: tuple[str, ...], end: tuple[str, ...], reason: str
) -> None:
    assert await broker.problem() is None
    await rabbitmq.ctl(*alarm)
    try:
        await until(lambda: _problem(broker, f"publishing is blocked: {reason}"), _RECOVERY)
    finally:
        await rabbitmq.ctl(*end)
    await until(lambda: _problem(broker, None), _RECOVERY)


async def test_missing_permissions_are_a_problem(broker: Broker, rabbitmq: RabbitMQ, rabbitmq_url: str) -> None:
    vhost = urlsplit(rabbitmq_url).path[1:]
    await rabbitmq.ctl("set_permissions", "-p", vhost, "guest", ".*", "", ".*")
    try:
        await until(lambda: _problem(broker, "it does not take what is published"), _RECOVERY)
    finally:
        await rabbitmq.ctl("set_permissions", "-p", vhost, "guest", ".*", ".*", ".*")
    await until(lambda: _problem(broker, None), _RECOVERY)


async def test_killed_or_frozen_it_is_a_problem(broker: Broker, rabbitmq: RabbitMQ) -> None:
    await rabbitmq.freeze()
    assert await broker.problem() is not None
    await rabbitmq.thaw()
    await until(lambda: _problem(broker, None), _RECOVERY)
    await rabbitmq.kill()
    await until(lambda: _problem(broker, "it does not answer"), _RECOVERY)
    await rabbitmq.start()
    await until(lambda: _problem(broker, None), _RECOVERY)


async def _problem(broker: Broker, expected: str | None) -> bool:
    return await broker.problem() == expected


async def test_a_broker_that_is_out_of_memory_can_be_left(broker: Broker, rabbitmq: RabbitMQ) -> None:
    await rabbitmq.ctl("set_vm_memory_high_watermark", "0.000001")
    try:
        large = [outgoing(body=b"x" * 1_000_000) for _ in range(30)]
        assert not any(await broker.publish(large))
        start = time.monotonic()
        await broker.close()
        assert time.monotonic() - start < 15
    finally:
        await rabbitmq.ctl("set_vm_memory_high_watermark", "0.4")


async def test_publish_and_ack_time_out_while_the_server_is_frozen(broker: Broker, rabbitmq: RabbitMQ) -> None:
    async with broker.consume("email", prefetch=5) as consumer:
        await broker.publish(numbered(1))
        held = await take(consumer, 1)
        await rabbitmq.freeze()
        start = time.monotonic()
        assert await broker.publish(numbered(3)) == [False] * 3
        await consumer.ack(held)
        assert time.monotonic() - start < 2 * _TIMEOUT.total_seconds()
        await rabbitmq.thaw()
        await _publish_all(broker, numbered(3))


async def test_a_frozen_server_can_be_left(broker: Broker, rabbitmq: RabbitMQ) -> None:
    async with broker.consume("email", prefetch=5) as consumer:
        await broker.publish(numbered(3))
        await consumer.ack(await take(consumer, 2))
        await rabbitmq.freeze()
        start = time.monotonic()
    await broker.close()
    assert time.monotonic() - start < 20


@pytest.mark.fault(39)
async def test_a_silent_partition_is_noticed_and_survived(
    proxy: Proxy, rabbitmq_url: str, topology: Topology, logger: Logger
) -> None:
    url = f"{proxy.through(rabbitmq_url)}?heartbeat=1"
    broker = RabbitMQBroker(url, clock=SystemClock(), logger=logger, publish_timeout=_TIMEOUT)
    try:
        await broker.declare(topology)
        async with broker.consume("email", prefetch=5) as consumer:
            proxy.black_hole()
            assert await broker.publish(numbered(3)) == [False] * 3
            await until(lambda: _not_ready(broker), _RECOVERY)
            proxy.restore()
            await _publish_all(broker, numbered(5))
            assert await _collect_each(consumer, 5) == set(range(5))
    finally:
        await broker.close()


async def test_a_server_that_comes_later_is_found(
    proxy: Proxy, rabbitmq_url: str, topology: Topology, logger: Logger
) -> None:
    await proxy.refuse()
    broker = RabbitMQBroker(proxy.through(rabbitmq_url), clock=SystemClock(), logger=logger)
    try:
        async with broker.consume("email", prefetch=5) as consumer:
            with pytest.raises(BrokerUnavailable, match=str(urlsplit(proxy.through(rabbitmq_url)).port)):
                await broker.declare(topology)
            assert not await broker.ready()
            await proxy.accept()
            await until(broker.ready, _RECOVERY)
            assert all(await broker.publish(numbered(2)))
            assert bodies(await collect(consumer, 2)) == [0, 1]
    finally:
        await broker.close()
