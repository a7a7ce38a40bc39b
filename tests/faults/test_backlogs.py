"""Backlogs: of a provider that is down, of a lane or tenant, of dead letters, and while the users service is down."""

import asyncio
import itertools
import time
from functools import partial
from pathlib import Path

import pytest

from angarium.testing.proxy import Proxy
from angarium.testing.smtp.script import Step
from angarium.testing.smtp.sink import SmtpSink
from tests.faults.changing import query, restarted
from tests.faults.conftest import CONCURRENCY, SETTINGS
from tests.faults.load import Load
from tests.support.fault_table import note
from tests.support.system import DistributedSystem, EmbeddedSystem, running
from tests.support.system_verbs import new_email, new_name
from tests.support.wait import until

PACE = 400
DOWN = Step(rcpt="421 4.3.2 shutting down")
REFUSED = Step(rcpt="554 5.6.0 refused")
TENANTS = 112


@pytest.mark.distributed
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.fault(33)
async def test_the_backlog_of_a_provider_outage_is_sent_at_the_configured_rate(
    system: DistributedSystem, volume: int
) -> None:
    load = await Load.prepare(system)
    provider = f"{system.sink.url}&rate={PACE}/s"
    async with restarted(system, "email", {"EMAIL_PROVIDERS": provider}):
        system.sink.usually(DOWN)
        await load.send_bulk(5 * volume)

        async def opened() -> bool:
            shown = await system.client.get("/api/v1/providers")
            return "open" in {one["breaker"] for one in shown.json()["data"] if one["channel"] == "email"}

        await until(opened, 60)
        [found] = await query(
            system, "SELECT sum(attempts) AS tried FROM notifications WHERE template_code = $1", load.code
        )
        system.sink.usually(Step())
        await load.all_sent(within=120 + 5 * volume / PACE * 2)
        await load.judge()
        moments = sorted(mail.at for mail in system.sink.received if mail.at)
        fastest = _most_in_a_second(moments[-5 * volume :])
        assert fastest <= PACE * 1.25, f"{fastest} in a second, the pace is {PACE}"
        note(f"{found['tried']} attempts while it was down; at most {fastest}/s afterwards, pace {PACE}/s")


def _most_in_a_second(moments: list[float]) -> int:
    start, most = 0, 0
    for position, moment in enumerate(moments):
        while moments[start] < moment - 1.0:
            start += 1
        most = max(most, position - start + 1)
    return most


@pytest.mark.distributed
@pytest.mark.long
@pytest.mark.fault(43)
async def test_urgent_mails_overtake_a_backlog(system: DistributedSystem, volume: int) -> None:
    load, urgent = await Load.prepare(system), await Load.prepare(system)
    system.sink.slow_down(0.1)
    await load.send_bulk(2 * volume)
    await load.received(CONCURRENCY)
    bodies = [{**urgent.body(), "priority": 9} for _ in range(4 * CONCURRENCY)]
    started = time.monotonic()
    urgent.ledger.accept(await system.send_many(bodies))
    await urgent.all_sent(within=30)
    seconds = time.monotonic() - started
    left = 2 * volume - await system.count(template_code=load.code, status="sent")
    assert left > volume / 10, "the backlog was too small"
    note(f"{len(bodies)} urgent mails in {seconds:.1f} s beside {left} waiting ones")
    system.sink.slow_down(0)
    await load.all_sent(within=60 + volume / 20)
    await load.judge()
    await urgent.judge()


@pytest.mark.distributed
@pytest.mark.long
@pytest.mark.fault(47)
async def test_timelines_do_not_grow_during_an_outage_of_the_users_service(
    system: DistributedSystem, volume: int
) -> None:
    load = await Load.prepare(system)
    people = [await system.create_user() for _ in range(10)]
    await system.stop("email")
    whose = itertools.cycle(people)
    bodies = [{**load.body(), "recipient": None, "user_id": next(whose)["user_id"]} for _ in range(volume)]
    for start in range(0, volume, 500):
        load.ledger.accept(await system.send_many(bodies[start : start + 500]))
    await system.kill("users")
    await system.redis.flush()
    before = len(system.tail("email", 0))
    system.launch("email")
    await until(lambda: "notification.claimed" in system.tail("email", 0)[before:], 30)
    await asyncio.sleep(30)  # the outage itself
    [found] = await query(
        system,
        "SELECT max(length(events::text)) AS size, max(attempts) AS attempts FROM notifications "
        "WHERE template_code = $1",
        load.code,
    )
    assert found["attempts"] == 0
    assert found["size"] < 1500
    await system.start()
    await load.all_sent(within=60 + volume / 50)
    await load.judge()
    note(f"longest timeline after 30 s: {found['size']} bytes, no attempt")


@pytest.mark.distributed
@pytest.mark.long
@pytest.mark.fault(58)
async def test_a_slow_users_service_gets_one_request_for_many_tenants(system: DistributedSystem) -> None:
    port = system.ports["users"]
    loads = []
    for _ in range(TENANTS):
        made = await system.client.post("/api/v1/tenants", json={"tenant": new_name("t"), "name": "T"})
        headers = {"X-API-Key": made.json()["data"]["key"]}
        user = await system.client.post("/api/v1/users", json={"name": "Ada", "email": new_email()}, headers=headers)
        template = await system.client.post(
            "/api/v1/templates", json={"code": "hello", "subject": "s", "content": "Hello"}, headers=headers
        )
        assert (user.status_code, template.status_code) == (201, 201)
        loads.append((headers, user.json()["data"]["user_id"]))
    await system.stop("email")
    ids = []
    for headers, user_id in loads:
        answer = await system.submit(headers=headers, user_id=user_id, template_code="hello")
        assert answer.status_code == 202, answer.text
        ids.append((headers, answer.json()["data"]["notification_id"]))
    async with Proxy("127.0.0.1", port) as proxy:
        proxy.latency = 0.1
        started = time.monotonic()
        async with restarted(system, "email", {"USERS_URL": f"http://127.0.0.1:{proxy.port}"}):
            for headers, notification_id in ids:
                await until(partial(_is_sent, system, notification_id, headers), 30)
            seconds = time.monotonic() - started
    assert seconds < TENANTS * 0.2, "each tenant had a separate call"
    assert {system.sink.notifications()[notification_id] for _, notification_id in ids} == {1}
    note(f"{TENANTS} tenants in {seconds:.1f} s with 0.2 s for each call")


async def _is_sent(system: DistributedSystem, notification_id: str, headers: dict[str, str]) -> bool:
    answer = await system.client.get(f"/api/v1/notifications/{notification_id}", headers=headers)
    return bool(answer.json()["data"]["status"] == "sent")


@pytest.mark.long
@pytest.mark.fault(55)
async def test_dead_letters_of_the_embedded_broker_do_not_block_sends(
    sink: SmtpSink, tmp_path: Path, volume: int
) -> None:
    with running(EmbeddedSystem(tmp_path, sink=sink, settings=SETTINGS)) as system:
        async with system.connected():
            refused, load = await Load.prepare(system), await Load.prepare(system)
            sink.usually(REFUSED)
            await refused.send_bulk(5 * volume)

            async def all_failed() -> bool:
                return await system.count(template_code=refused.code, status="failed") == 5 * volume

            await until(all_failed, 60 + volume / 10, interval=0.5)
            sink.usually(Step())
            await load.send_bulk(volume)
            await load.all_sent(within=30 + volume / 50)
            await load.judge()
            note(f"beside {5 * volume:,} dead letters")


@pytest.mark.distributed
@pytest.mark.long
@pytest.mark.fault(41)
async def test_delivery_reports_before_and_after_the_send_count_once(system: DistributedSystem, volume: int) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(0.2)
    await load.send_bulk(volume)
    ids = sorted(load.ledger.accepted)
    for start in range(0, volume, 50):
        await asyncio.gather(*(_report(system, id_) for id_ in ids[start : start + 50]))
    system.sink.slow_down(0)

    async def all_delivered() -> bool:
        return await system.count(template_code=load.code, status="delivered") == volume

    await until(all_delivered, 60 + volume / 50, interval=0.2)
    await asyncio.gather(*(_report(system, id_) for id_ in ids[:50]))
    events = [event["event"] for event in await system.events(ids[-1])]
    assert events.count("delivered") == 1
    assert events.index("sent") < events.index("delivered")
    await load.judge()


async def _report(system: DistributedSystem, notification_id: str) -> None:
    """Send two reports concurrently, so that either may arrive first."""
    body = {"notification_id": notification_id, "status": "delivered"}
    answers = await asyncio.gather(*(system.client.post("/api/v1/email/status", json=body) for _ in range(2)))
    assert {answer.status_code for answer in answers} == {200}
