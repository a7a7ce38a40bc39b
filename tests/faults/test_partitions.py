"""A worker loses the connection to the broker or the database; another worker continues."""

import pytest

from angarium.delivery.leases import LEASE
from tests.faults.changing import behind_a_proxy
from tests.faults.conftest import CONCURRENCY, PREFETCH
from tests.faults.load import Load
from tests.support.system import DistributedSystem
from tests.support.wait import until

pytestmark = [pytest.mark.distributed, pytest.mark.long, pytest.mark.timeout(300)]


@pytest.mark.fault(39)
@pytest.mark.parametrize(
    ("setting", "held"),
    [
        ("BROKER_URL", 0),
        # It is still connected to the broker, and keeps the messages it has received until it can claim again.
        ("NOTIFICATIONS_DATABASE_URL", PREFETCH),
    ],
)
async def test_another_worker_sends_what_a_disconnected_worker_does_not_hold(
    system: DistributedSystem, volume: int, setting: str, held: int
) -> None:
    load = await Load.prepare(system)
    async with behind_a_proxy(system, "email", setting) as proxy:
        another = system.copy("email")
        await system.start(another)
        system.sink.slow_down(0.05)
        await load.send_bulk(volume)
        await load.received(volume // 10, within=60)
        proxy.black_hole()

        async def others_are_sent() -> bool:
            return await system.count(template_code=load.code, status="sent") >= volume - held

        await until(others_are_sent, LEASE.total_seconds() + 90 + volume / 20, interval=0.2)
        proxy.restore()
        await load.send_bulk(volume // 10)
        await load.all_sent(within=60)
        await load.judge(window=CONCURRENCY)
        await system.stop(another)
        await system.start(another)
