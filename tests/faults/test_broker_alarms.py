"""RabbitMQ refuses messages, loses queues and bindings, or its connections are cut."""

import time
from collections.abc import Awaitable, Callable

import aio_pika
import pytest

from angarium.platform.crash import STATUS
from angarium.testing.smtp.script import Step
from tests.faults.changing import behind_a_proxy, outbox, query
from tests.faults.load import Load
from tests.support.fault_table import note
from tests.support.system import DistributedSystem
from tests.support.system_verbs import new_email
from tests.support.wait import until

pytestmark = pytest.mark.distributed

ALARMS = {
    "memory": ("set_vm_memory_high_watermark", "0.000001", "0.4"),
    "disk": ("set_disk_free_limit", "100000GB", "50MB"),
}
GREYLISTED = Step(rcpt="451 4.7.1 try again later")
REFUSED_WITHIN = 2.0
CUTS = 5
LATE = 6.0  # seconds each way: a confirm takes longer than the publisher waits for it


@pytest.mark.parametrize(
    "alarm",
    [
        pytest.param("memory", marks=pytest.mark.fault(9)),
        pytest.param("disk", marks=[pytest.mark.fault(10), pytest.mark.long]),
    ],
)
async def test_notifications_are_accepted_during_a_broker_alarm_and_published_afterwards(
    system: DistributedSystem, volume: int, alarm: str
) -> None:
    load = await Load.prepare(system)
    command, on, off = ALARMS[alarm]
    await system.rabbitmq.ctl(command, on)
    try:
        slowest = 0.0
        for _ in range(20):
            started = time.monotonic()
            await load.send_singly(1)
            slowest = max(slowest, time.monotonic() - started)
        await load.send_bulk(volume)
        assert load.refusals == []
        assert await outbox(system) >= volume, "the broker accepted messages: there was no alarm"
    finally:
        await system.rabbitmq.ctl(command, off)
    assert slowest < REFUSED_WITHIN
    note(f"slowest 202: {slowest:.2f} s")
    await load.all_sent(within=60 + volume / 50)
    await load.judge()


async def _delete_queue(system: DistributedSystem) -> None:
    await system.rabbitmq.ctl("delete_queue", "-p", system.vhost.rpartition("/")[2], "email.queue")


async def _unbind(system: DistributedSystem) -> None:
    async with await aio_pika.connect(system.vhost) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("email.queue", ensure=False)
        await queue.unbind("notifications.direct", "email")


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(_delete_queue, marks=pytest.mark.fault(11, 64), id="queue"),
        pytest.param(_unbind, marks=[pytest.mark.fault(12), pytest.mark.long], id="binding"),
    ],
)
async def test_a_missing_queue_or_binding_is_declared_again(
    system: DistributedSystem, volume: int, harm: Callable[[DistributedSystem], Awaitable[None]]
) -> None:
    load = await Load.prepare(system)
    await load.send_bulk(volume // 2)
    await load.all_sent(within=30 + volume / 50)
    await harm(system)  # a deleted queue also cancels its consumers
    await load.send_bulk(volume - volume // 2)
    await load.all_sent(within=40 + volume / 50)
    await load.judge()


@pytest.mark.long
@pytest.mark.fault(11)
async def test_messages_of_a_deleted_queue_are_published_again(system: DistributedSystem, volume: int) -> None:
    load = await Load.prepare(system)
    await system.stop("email")
    await load.send_bulk(volume)

    async def published() -> bool:
        return await outbox(system) == 0

    await until(published, 30)
    await _delete_queue(system)
    await system.start("email")
    await query(system, "UPDATE notifications SET sweep_at = now() WHERE status = 'pending'")  # due in 10 min otherwise
    await load.all_sent(within=60 + volume / 50)
    await load.judge()


@pytest.mark.long
@pytest.mark.fault(13)
async def test_a_retry_waits_until_its_missing_queue_exists(system: DistributedSystem, volume: int) -> None:
    load = await Load.prepare(system)
    system.sink.usually(GREYLISTED)
    await load.send_bulk(volume)

    async def all_wait() -> bool:
        return await system.count(template_code=load.code, status="retrying") == volume

    await until(all_wait, 60 + volume / 50, interval=0.2)
    await _delete_queue(system)
    system.sink.usually(Step())
    await load.send_bulk(1)  # it is returned, which causes the queue to be declared again
    await load.all_sent(within=120 + volume / 50)
    await load.judge()


@pytest.mark.long
@pytest.mark.fault(17)
async def test_publishes_without_a_confirm_are_repeated(system: DistributedSystem, volume: int) -> None:
    before = len(system.tail("gateway", 0))
    async with behind_a_proxy(system, "gateway", "BROKER_URL") as proxy:
        load = await Load.prepare(system)
        for _ in range(CUTS):
            proxy.cut_after(10_000)  # within the burst that follows
            await load.send_bulk(volume // CUTS)
        await load.all_sent(within=60 + volume / 50)
        await load.judge()
    assert "outbox.publish_failed" in system.tail("gateway", 0)[before:]


@pytest.mark.long
@pytest.mark.fault(60)
async def test_late_confirms_are_counted(system: DistributedSystem, volume: int) -> None:
    async with behind_a_proxy(system, "gateway", "BROKER_URL") as proxy:
        load = await Load.prepare(system)
        proxy.latency = LATE
        await load.send_bulk(volume)

        async def confirmed() -> bool:
            return await outbox(system) == 0

        await until(confirmed, 90, interval=0.5)
        proxy.latency = 0.0
        await load.all_sent(within=60 + volume / 50)
        await load.judge()


@pytest.mark.long
@pytest.mark.fault(2)
async def test_messages_published_by_a_killed_relay_are_sent_once(system: DistributedSystem, volume: int) -> None:
    load = await Load.prepare(system)
    await system.rabbitmq.freeze()
    await load.send_bulk(volume)
    await system.kill("gateway")
    await system.rabbitmq.thaw()
    system.own_settings["gateway"] = {"CRASH_AT": "after_publish"}
    system.launch("gateway")
    assert await system.ended("gateway") == STATUS
    system.own_settings.clear()
    await system.start("gateway")
    await load.all_sent(within=60 + volume / 50)
    await load.judge()


@pytest.mark.fault(15)
async def test_a_message_of_fifty_megabytes_does_not_delay_others(system: DistributedSystem, volume: int) -> None:
    load = await Load.prepare(system)
    await load.send_bulk(volume // 2)
    async with await aio_pika.connect(system.vhost) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("notifications.direct", ensure=False)
        for body in (b"x" * 50_000_000, b'{"schema_version": 99}', b"{"):
            await exchange.publish(aio_pika.Message(body, correlation_id=new_email()), "email")
    await load.send_bulk(volume - volume // 2)
    await load.all_sent(within=30 + volume / 50)
    await load.judge()

    async def buried() -> bool:
        letters = await system.dead_letters(reason="malformed")
        return len([letter for letter in letters if letter["attempts"] == 1]) >= 3

    await until(buried, 20)
