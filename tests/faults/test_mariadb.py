"""MariaDB is killed, freezes, or becomes read-only while the system sends."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.faults.conftest import SETTINGS
from tests.faults.late_refusals import REFUSED_WITHIN, slower_requests
from tests.faults.load import Load
from tests.support.servers import MariaDB, RabbitMQ, Redis
from tests.support.system import DistributedSystem, running
from tests.support.system_verbs import new_email
from tests.support.wait import until

pytestmark = pytest.mark.distributed


@pytest.fixture(scope="module")
def over_mariadb(
    shared_sink: SmtpSink,
    mariadb: MariaDB,
    rabbitmq: RabbitMQ,
    redis_server: Redis,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DistributedSystem]:
    for server in (mariadb, rabbitmq, redis_server):
        server.start_now()
    folder = tmp_path_factory.mktemp("mariadb")
    with running(
        DistributedSystem(
            folder, sink=shared_sink, postgresql=mariadb, rabbitmq=rabbitmq, redis=redis_server, settings=SETTINGS
        )
    ) as system:
        yield system


@pytest.fixture
async def system(over_mariadb: DistributedSystem, sink: SmtpSink) -> AsyncIterator[DistributedSystem]:
    """The system with all processes and servers running."""
    await over_mariadb.revive()
    async with over_mariadb.connected():
        yield over_mariadb
    await over_mariadb.revive()


@pytest.mark.fault(18)
async def test_a_killed_mariadb_loses_no_accepted_notification(system: DistributedSystem) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(0.01)
    stop = asyncio.Event()
    senders = [asyncio.create_task(load.insist(stop)) for _ in range(8)]
    await load.received(100)
    await system.postgresql.kill()
    await until(lambda: len(load.refusals) >= 20, 30, message="refusals")
    assert {refusal.status_code for refusal in load.refusals} == {503}
    assert all(int(refusal.headers["Retry-After"]) >= 1 for refusal in load.refusals)
    before = len(load.ledger.accepted)
    await system.postgresql.start()
    await until(lambda: len(load.ledger.accepted) >= before + 100, 30, message="accepted again")
    stop.set()
    await asyncio.gather(*senders)
    await load.all_sent(within=60)
    await load.judge()


@pytest.mark.long
@pytest.mark.fault(53)
async def test_requests_are_refused_in_time_while_mariadb_hangs(system: DistributedSystem) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(0.01)
    await load.send_bulk(200)
    await load.received(20)

    async def asked() -> int:
        answer = await system.submit(**{**load.body(), "recipient": {"email": new_email()}})
        return answer.status_code

    before = await slower_requests(system)
    await system.postgresql.freeze()
    try:
        tasks: list[asyncio.Task[int]] = []
        for _ in range(10):  # 100 requests a second for 3 s
            tasks += [asyncio.create_task(asked()) for _ in range(30)]
            await asyncio.sleep(0.3)
        answers = await asyncio.gather(*tasks)
    finally:
        await system.postgresql.thaw()
    assert set(answers) == {503}
    slow = await slower_requests(system) - before
    assert slow == 0, f"{slow} requests took longer than {REFUSED_WITHIN} s"
    await load.all_sent(within=60)
    # A refused request may have been stored once the server continued; a client would repeat it with its request_id.
    await load.judge(refused=len(answers))


@pytest.mark.fault(21)
async def test_nothing_is_accepted_or_sent_while_mariadb_is_read_only(system: DistributedSystem) -> None:
    load = await Load.prepare(system)
    await load.send_bulk(20)
    await load.all_sent(within=30)
    await _set_read_only(system, "ON")
    try:
        refused = await system.submit(**_one(load))
        await until(lambda: _is_down(system), 10, message="the gateway is not ready")
    finally:
        await _set_read_only(system, "OFF")
    assert refused.status_code == 503, refused.text
    await until(lambda: _accepts(system, load), 30)


def _one(load: Load) -> dict[str, Any]:
    return {**load.body(), "recipient": {"email": new_email()}}


async def _is_down(system: DistributedSystem) -> bool:
    ready = await system.client.get("/ready")
    return (ready.status_code, ready.json()["dependencies"]["database"]) == (503, "down")


async def _accepts(system: DistributedSystem, load: Load) -> bool:
    return (await system.submit(**_one(load))).status_code == 202


async def _set_read_only(system: DistributedSystem, value: str) -> None:
    await system.postgresql.sql(f"SET GLOBAL read_only = {value}")
