"""Broker, database and cache stop, are killed, freeze, or lose their data."""

import asyncio
from http import HTTPStatus
from typing import Any

import pytest

from tests.faults.late_refusals import REFUSED_WITHIN, slower_requests
from tests.faults.load import Load
from tests.support.fault_table import note
from tests.support.system import DistributedSystem
from tests.support.system_verbs import new_email
from tests.support.wait import until

pytestmark = pytest.mark.distributed

"""Seconds: acceptances wait two seconds for the database; this is the histogram's next bound."""
DRAINED_WITHIN = 30.0  # seconds after the broker is back


@pytest.mark.parametrize("how", [pytest.param("stop", marks=pytest.mark.long), "kill"])
@pytest.mark.fault(8)
async def test_notifications_are_accepted_and_none_is_lost_while_the_broker_is_down(
    system: DistributedSystem, how: str, volume: int
) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(0.02)
    await load.send_bulk(volume)
    await (system.rabbitmq.stop() if how == "stop" else system.rabbitmq.kill())
    await load.send_singly(50)
    await load.send_bulk(volume)
    assert load.refusals == []
    await system.rabbitmq.start()
    await load.all_sent(within=DRAINED_WITHIN + volume / 50)
    account = await load.judge()
    assert account.accepted == 2 * volume + 50


@pytest.mark.fault(18)
async def test_a_killed_database_loses_no_accepted_notification(system: DistributedSystem) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(0.01)
    stop = asyncio.Event()
    senders = [asyncio.create_task(load.insist(stop)) for _ in range(8)]
    await load.received(100)
    await system.postgresql.kill()
    await until(lambda: len(load.refusals) >= 20, 30, message="refusals")
    for refusal in list(load.refusals):
        assert refusal.status_code == 503, refusal.text
        assert int(refusal.headers["Retry-After"]) >= 1
        assert refusal.json()["error"]["code"] == "service_unavailable"
    before = len(load.ledger.accepted)
    await system.postgresql.start()
    await until(lambda: len(load.ledger.accepted) >= before + 100, 30, message="accepted again")
    stop.set()
    await asyncio.gather(*senders)
    await load.all_sent(within=60)
    await load.judge()


@pytest.mark.parametrize("fault", ["flush", "kill", "freeze"])
@pytest.mark.fault(22)
async def test_notifications_are_sent_without_the_cache(system: DistributedSystem, fault: str) -> None:
    load = await Load.prepare(system)
    user = await system.create_user()
    system.sink.slow_down(0.01)
    await load.send_bulk(100)
    await getattr(system.redis, fault)()
    await load.send_singly(20)
    await load.send_bulk(100)
    assert load.refusals == []
    other = await system.create_user()
    for person in (user, other):
        found = await system.deliver(
            user_id=person["user_id"], template_code=load.code, variables={"name": "Ada"}, request_id=person["user_id"]
        )
        load.ledger.accept([found["notification_id"]])
    await load.all_sent(within=30)
    await load.judge()
    body = {**load.body(), "request_id": user["user_id"]}
    assert (await system.submit(**body)).status_code == 409


@pytest.mark.long
@pytest.mark.fault(53)
async def test_requests_are_refused_in_time_while_postgresql_hangs(
    system: DistributedSystem,
) -> None:
    template = (await system.create_template())["code"]
    notification = {"template_code": template, "recipient": {"email": new_email()}, "variables": {"name": "Ada"}}
    assert (await system.submit(**notification)).status_code == 202  # fills caches, opens connections

    async def asked() -> tuple[int, bool]:
        answer = await system.submit(**notification)
        return answer.status_code, "retry-after" in answer.headers

    before = await slower_requests(system)
    await system.postgresql.freeze()
    try:
        tasks = []
        for _ in range(20):  # 200 requests a second for 4 s
            tasks += [asyncio.create_task(asked()) for _ in range(40)]
            await asyncio.sleep(0.2)
        answers = await asyncio.gather(*tasks)
        ready = await system.client.get("/ready")
    finally:
        await system.postgresql.thaw()
    assert set(answers) == {(503, True)}
    slow = await slower_requests(system) - before
    assert slow == 0, f"{slow} requests took longer than {REFUSED_WITHIN} s"
    note(f"{len(answers)} requests, each refused within {REFUSED_WITHIN} s")
    assert (ready.status_code, ready.json()["dependencies"]["database"]) == (503, "down")
    await until(lambda: _accepts(system, notification), 30)


async def _accepts(system: DistributedSystem, notification: dict[str, Any]) -> bool:
    return (await system.submit(**notification)).status_code == HTTPStatus.ACCEPTED
