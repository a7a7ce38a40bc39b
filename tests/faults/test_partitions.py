"""Partitions between one worker and what it needs; another worker goes on."""

import pytest

from angarium.delivery.leases import LEASE
from tests.faults.changing import behind_a_proxy
from tests.faults.conftest import CONCURRENCY
from tests.faults.load import Load
from tests.support.system import DistributedSystem

pytestmark = [pytest.mark.distributed, pytest.mark.long]


@pytest.mark.timeout(240)
@pytest.mark.fault(39)
@pytest.mark.parametrize("setting", ["BROKER_URL", "NOTIFICATIONS_DATABASE_URL"])
async def test_what_a_cut_off_worker_holds_is_sent_by_another(
    system: DistributedSystem, volume: int, setting: str
) -> None:
    load = await Load.prepare(system)
    async with behind_a_proxy(system, "email", setting) as proxy:
        another = system.copy("email")
        await system.start(another)
        system.sink.slow_down(0.05)
        await load.send_bulk(volume)
        await load.received(volume // 10, within=60)
        proxy.black_hole()
        await load.all_sent(within=LEASE.total_seconds() + 90 + volume / 20)
        proxy.restore()
        await load.send_bulk(volume // 10)
        await load.all_sent(within=60)
        await load.judge(window=CONCURRENCY)
        await system.stop(another)
        await system.start(another)
