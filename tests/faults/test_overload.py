"""Alarms and outages under load: unaffected work continues, and nothing is sent twice after the recovery."""

import asyncio

import pytest

from angarium.delivery.leases import LEASE
from angarium.notifications.store.timing import LEASE_GRACE
from angarium.testing.smtp.script import Step
from tests.faults.conftest import CONCURRENCY
from tests.faults.load import Load
from tests.support.system import DistributedSystem
from tests.support.system_verbs import new_email
from tests.support.wait import until

pytestmark = [pytest.mark.distributed, pytest.mark.long]

GREYLISTED = Step(rcpt="451 4.7.1 try again later")
EVERY = 20
"""Every twentieth mail (5 %) needs a retry."""


@pytest.mark.fault(9, 52)
async def test_sends_continue_during_a_memory_alarm_while_some_need_a_retry(system: DistributedSystem) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(0.05)
    bodies = [load.body() for _ in range(1_200)]
    for number, body in enumerate(bodies):
        body["recipient"] = {"email": new_email()}
        if number % EVERY == 0:
            system.sink.script(body["recipient"]["email"], GREYLISTED)
    for start in range(0, len(bodies), 400):
        load.ledger.accept(await system.send_many(bodies[start : start + 400]))
    await system.rabbitmq.ctl("set_vm_memory_high_watermark", "0.000001")
    try:
        before = sum(system.sink.notifications().values())
        await load.received(min(before + 600, 1_100), within=40)
    finally:
        await system.rabbitmq.ctl("set_vm_memory_high_watermark", "0.4")
    await load.all_sent(within=150)
    account = await load.judge()
    assert account.accepted == 1_200


@pytest.mark.fault(56)
async def test_results_are_recorded_before_the_sweep_after_an_outage_longer_than_a_lease(
    system: DistributedSystem,
) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(8)
    await load.send_bulk(CONCURRENCY)
    await until(lambda: len(system.sink.received) > 0, 30)
    await system.postgresql.stop()
    await asyncio.sleep((LEASE + LEASE_GRACE).total_seconds() + 5)  # the outage: every row must become overdue
    system.sink.slow_down(0)
    await system.postgresql.start()
    await load.all_sent(within=60)
    await load.judge()
