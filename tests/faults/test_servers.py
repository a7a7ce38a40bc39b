"""Broker, database and cache that stop, are killed, freeze and forget."""

import asyncio
import time
from http import HTTPStatus
from typing import Any

import pytest

from tests.faults.load import Load, clean
from tests.support.system import DistributedSystem
from tests.support.system_verbs import new_email
from tests.support.wait import until

pytestmark = pytest.mark.distributed

DRAINED_WITHIN = 30.0  # seconds after the broker is back


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_while_the_broker_is_away_everything_is_accepted_and_nothing_lost(
    system: DistributedSystem, how: str
) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(0.02)
    await load.send_bulk(200)
    await (system.rabbitmq.stop() if how == "stop" else system.rabbitmq.kill())
    await load.send_singly(50)
    await load.send_bulk(200)
    assert load.refusals == []
    await system.rabbitmq.start()
    await load.all_sent(within=DRAINED_WITHIN)
    account = await load.account()
    assert account.accepted == 450
    assert clean(account), account


async def test_a_killed_database_never_makes_a_false_202(system: DistributedSystem) -> None:
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
    account = await load.account()
    assert clean(account), account


@pytest.mark.parametrize("fault", ["flush", "kill", "freeze"])
async def test_without_the_cache_nothing_changes(system: DistributedSystem, fault: str) -> None:
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
    assert clean(await load.account()), await load.account()
    body = {**load.body(), "request_id": user["user_id"]}
    assert (await system.submit(**body)).status_code == 409


async def test_while_postgresql_hangs_every_request_is_refused_in_time(
    system: DistributedSystem,
) -> None:
    template = (await system.create_template())["code"]
    notification = {"template_code": template, "recipient": {"email": new_email()}, "variables": {"name": "Ada"}}
    assert (await system.submit(**notification)).status_code == 202  # key, template and connections are there

    async def timed() -> tuple[int, float, bool]:
        started = time.monotonic()
        answer = await system.submit(**notification)
        return answer.status_code, time.monotonic() - started, "retry-after" in answer.headers

    await system.postgresql.freeze()
    try:
        asked = []
        for _ in range(20):  # 200 requests a second for 4 s
            asked += [asyncio.create_task(timed()) for _ in range(40)]
            await asyncio.sleep(0.2)
        answers = await asyncio.gather(*asked)
        ready = await system.client.get("/ready")
    finally:
        await system.postgresql.thaw()
    assert {(status, told) for status, _, told in answers} == {(503, True)}
    assert max(seconds for _, seconds, _ in answers) < 4
    assert (ready.status_code, ready.json()["dependencies"]["database"]) == (503, "down")
    await until(lambda: _accepts(system, notification), 30)


async def _accepts(system: DistributedSystem, notification: dict[str, Any]) -> bool:
    return (await system.submit(**notification)).status_code == HTTPStatus.ACCEPTED
