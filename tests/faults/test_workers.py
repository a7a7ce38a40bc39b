"""Workers are killed, frozen and stopped while they send."""

import asyncio

import aio_pika
import pytest

from tests.faults.conftest import CONCURRENCY
from tests.faults.load import Load
from tests.support.system import DistributedSystem
from tests.support.system_verbs import new_email, new_name
from tests.support.wait import until

pytestmark = pytest.mark.distributed


@pytest.mark.fault(3, 4)
async def test_nothing_is_lost_if_a_busy_worker_is_killed(system: DistributedSystem, volume: int) -> None:
    system.sink.slow_down(0.02)
    load = await Load.prepare(system)
    await load.send_bulk(volume)
    kills = [volume // 4, volume // 2][: 2 if volume >= 2000 else 1]
    for reached in kills:
        await load.received(reached)
        await system.kill("email")
        await system.restart("email")
    await load.all_sent(within=70)
    account = await load.judge(window=len(kills) * CONCURRENCY)
    assert account.accepted == volume
    assert account.duplicated >= 1, "the kills hit an idle worker"


@pytest.mark.fault(7)
async def test_a_worker_finishes_its_sends_on_sigterm(system: DistributedSystem) -> None:
    system.sink.slow_down(0.2)
    load = await Load.prepare(system)
    await load.send_bulk(300)
    await load.received(40)
    await system.stop("email")
    sent = await system.count(template_code=load.code, status="sent")
    assert 40 <= sent < 300
    assert await system.count(template_code=load.code, status="sending") == 0
    system.sink.slow_down(0)
    await system.start("email")
    await load.all_sent(within=30)
    await load.judge()


@pytest.mark.timeout(180)
@pytest.mark.long
@pytest.mark.fault(6)
async def test_a_worker_frozen_past_its_lease_cannot_write(system: DistributedSystem) -> None:
    system.sink.slow_down(1.0)
    load = await Load.prepare(system)
    await load.send_bulk(CONCURRENCY)
    await load.received(CONCURRENCY // 2)
    system.freeze("email")
    another = system.copy("email")
    await system.start(another)
    system.sink.slow_down(0)
    await load.all_sent(within=90)
    assert "record.stale" not in system.tail("email", 0)
    system.thaw("email")
    await until(lambda: "record.stale" in system.tail("email", 0), 30, message="the frozen worker is fenced off")
    await load.send_bulk(50)
    await load.all_sent(within=30)
    await system.stop("email", another)
    await load.judge(window=CONCURRENCY)
    assert max(system.sink.notifications()[id_] for id_ in load.ledger.accepted) <= 2


@pytest.mark.long
@pytest.mark.fault(14)
async def test_a_message_published_a_hundred_times_is_sent_once(system: DistributedSystem) -> None:
    system.sink.slow_down(0.1)
    another = system.copy("email")
    await system.stop("email")
    template = await system.create_template()
    address = new_email()
    accepted = await system.send(
        recipient={"email": address}, template_code=template["code"], variables={"name": "Ada"}
    )
    connection = await aio_pika.connect(system.vhost)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("notifications.direct", ensure=False)
        body = f'{{"request_id": "{accepted["request_id"]}"}}'.encode()
        await asyncio.gather(*(exchange.publish(aio_pika.Message(body), "email") for _ in range(100)))
        await channel.close()
    await asyncio.gather(system.start("email"), system.start(another))
    found = await system.wait_for(accepted["notification_id"], "sent")
    assert found["attempts"] == 1

    async def settled() -> bool:
        return await system.queue("email.queue") == (0, 0)

    await until(settled, 60, interval=0.5)
    assert len(system.sink.to(address)) == 1


@pytest.mark.long
@pytest.mark.fault(36)
async def test_changes_between_acceptance_and_send_are_respected(system: DistributedSystem) -> None:
    address = new_email()
    user = await system.create_user(email=address)
    template = await system.create_template()
    await system.deliver(user_id=user["user_id"], template_code=template["code"], variables={"name": "Ada"})
    await system.stop("email")
    accepted = await system.send(
        user_id=user["user_id"],
        template_code=template["code"],
        variables={"name": "Ada"},
        request_id=new_name("late"),
    )
    changed = await system.client.patch(f"/api/v1/users/{user['user_id']}/preferences", json={"email": False})
    assert changed.status_code == 200
    await system.start("email")
    found = await system.wait_for(accepted["notification_id"], "skipped")
    assert found["reason"]["code"] == "opted_out"
    assert len(system.sink.to(address)) == 1
