"""PostgreSQL restarts, cuts connections, has none left, becomes read-only, or has locked rows."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.faults.changing import database_of, query, restarted
from tests.faults.load import Load
from tests.support.fault_table import note
from tests.support.system import DistributedSystem
from tests.support.system_verbs import Json
from tests.support.wait import until

pytestmark = pytest.mark.distributed

REFUSED_WITHIN = 4.0
"""Seconds: the documented two, plus a margin for a busy machine."""
CUTS = 10


@pytest.mark.long
@pytest.mark.fault(18)
async def test_a_restart_of_the_database_loses_nothing(system: DistributedSystem, volume: int) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(0.01)
    await load.send_bulk(volume)
    sending = asyncio.create_task(load.send_for(8))
    await load.received(volume // 5)
    await system.postgresql.stop()
    await system.postgresql.start()
    await sending
    await load.all_sent(within=60 + volume / 50)
    await load.judge()


@pytest.mark.fault(19)
async def test_connections_cut_in_the_middle_of_transactions_lose_nothing(
    system: DistributedSystem, volume: int
) -> None:
    load = await Load.prepare(system)
    await load.send_bulk(volume)
    sending = asyncio.create_task(load.send_for(5))
    ended = 0
    for _ in range(CUTS):
        await asyncio.sleep(0.3)  # not a wait for a condition: lets the load use the connections again
        ended += int(
            await system.postgresql.sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname LIKE 'test_%' AND pid <> pg_backend_pid()"
            )
        )
    await sending
    await load.all_sent(within=60 + volume / 50)
    await load.judge()
    assert ended > CUTS
    note(f"{ended} connections cut")


@pytest.mark.long
@pytest.mark.fault(20)
async def test_requests_are_refused_in_time_if_all_connections_are_in_use(system: DistributedSystem) -> None:
    load = await Load.prepare(system)
    await load.send_singly(1)
    async with restarted(system, "gateway", {"DATABASE_POOL": "2"}), database_of(system) as operator:
        await load.send_singly(1)
        bodies = [load.body() for _ in range(100)]
        transaction = operator.transaction()
        await transaction.start()
        await operator.execute("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE")
        try:
            seconds = await asyncio.gather(*(_timed(load, body) for body in bodies))
        finally:
            await transaction.rollback()
        assert {answer.status_code for answer in load.refusals} == {503}
        assert max(seconds) < REFUSED_WITHIN
        note(f"slowest 503: {max(seconds):.1f} s")
        for body in bodies:  # a refused call may have been accepted; clients repeat it with the same `request_id`
            await load.insist_on(body)
        await load.all_sent(within=60)
        await load.judge()


async def _timed(load: Load, body: Json) -> float:
    started = time.monotonic()
    await load.try_once(body)
    return time.monotonic() - started


@pytest.mark.fault(21)
async def test_nothing_is_sent_while_the_database_is_read_only(system: DistributedSystem, volume: int) -> None:
    load = await Load.prepare(system)
    await system.stop("email")
    await load.send_bulk(volume)
    await system.postgresql.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    await system.postgresql.sql("SELECT pg_reload_conf()")
    try:
        await until(lambda: _is_refused(load), 15)
        before = len(system.tail("email", 0))
        system.launch("email")
        await until(lambda: "DatabaseUnavailable" in system.tail("email", 0)[before:], 20)
        await load.send_singly(20)
        assert {answer.status_code for answer in load.refusals} == {503}
        assert not load.ledger.accepted & system.sink.notifications().keys()
    finally:
        await system.postgresql.sql("ALTER SYSTEM RESET default_transaction_read_only")
        await system.postgresql.sql("SELECT pg_reload_conf()")
    await system.start()
    await load.send_for(1)
    await load.all_sent(within=60 + volume / 50)
    await load.judge()


async def _is_refused(load: Load) -> bool:
    await load.send_singly(1)
    return bool(load.refusals)


@pytest.mark.long
@pytest.mark.fault(57)
async def test_a_locked_row_does_not_delay_others(system: DistributedSystem, volume: int) -> None:
    load = await Load.prepare(system)
    await system.stop("email")
    await load.send_bulk(volume)
    async with database_of(system) as operator, operator.transaction():
        found = await operator.fetch(
            "SELECT id FROM notifications WHERE template_code = $1 ORDER BY id LIMIT 3 FOR UPDATE", load.code
        )
        await system.start("email")

        async def others_are_sent() -> bool:
            return await system.count(template_code=load.code, status="sent") == volume - len(found)

        await until(others_are_sent, 30 + volume / 50, interval=0.2)
    await load.all_sent(within=60)
    await load.judge()


@pytest.mark.long
@pytest.mark.fault(53)
async def test_gateway_memory_is_bounded_while_the_database_hangs(system: DistributedSystem) -> None:
    load = await Load.prepare(system)
    await load.send_singly(1)
    before = _memory(system)
    await system.postgresql.freeze()
    try:
        for _ in range(5):
            await asyncio.gather(*(load.send_singly(1) for _ in range(200)))
    finally:
        await system.postgresql.thaw()
    grown = _memory(system) - before
    assert {answer.status_code for answer in load.refusals} == {503}
    assert grown < 60, f"{grown} MB more"
    note(f"{len(load.refusals)} requests refused, {grown:.0f} MB more memory")
    await until(lambda: query(system, "SELECT 1"), 30)


def _memory(system: DistributedSystem) -> float:
    """The gateway's memory in megabytes."""
    status = Path(f"/proc/{system.process_id('gateway')}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))
