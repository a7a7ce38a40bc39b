"""No lane starves, however large the burst of another: hours of load on a clock moved by hand."""

import asyncio

import pytest

from angarium.contracts.messages import light_key
from angarium.contracts.statuses import Channel
from tests.support.virtual_engine import VirtualBench, virtual_engine

pytestmark = pytest.mark.slow

ORDINARY, URGENT, LIGHT = "email", "email.urgent", light_key(Channel.EMAIL)
CONCURRENCIES = [1, 2, 3, 8, 16, 128]


async def trickle(bench: VirtualBench, lane: str, per_second: int) -> None:
    while True:
        await bench.publish(lane)
        await bench.clock.sleep(1 / per_second)


@pytest.mark.parametrize("lane", [URGENT, LIGHT])
@pytest.mark.parametrize("burst", [10, 40, 112, 128, 400])
@pytest.mark.fault(43)
async def test_a_burst_passes_an_ordinary_backlog(lane: str, burst: int) -> None:
    async with virtual_engine() as bench:
        await bench.publish(ORDINARY, 2_000)
        await bench.clock.advance(0.2)
        made = await bench.publish(lane, burst)
        await bench.clock.advance(0.8 + burst / 200)
        assert bench.sent(made) == burst


@pytest.mark.parametrize("lane", [URGENT, LIGHT])
@pytest.mark.parametrize("burst", [60, 112, 128, 200])
@pytest.mark.fault(43)
async def test_an_ordinary_burst_passes_a_trickle(lane: str, burst: int) -> None:
    async with virtual_engine() as bench:
        trickling = asyncio.create_task(trickle(bench, lane, 60))
        await bench.clock.advance(0.6)
        made = await bench.publish(ORDINARY, burst)
        await bench.clock.advance(1.5)
        trickling.cancel()
        assert bench.sent(made) == burst


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
@pytest.mark.parametrize(("crowd", "lane"), [(ORDINARY, URGENT), (ORDINARY, LIGHT), (LIGHT, ORDINARY)])
@pytest.mark.fault(43)
async def test_with_any_number_of_slots_a_lane_passes_the_backlog_of_another(
    concurrency: int, crowd: str, lane: str
) -> None:
    async with virtual_engine(concurrency=concurrency) as bench:
        backlog = await bench.publish(crowd, 60 * concurrency)
        await bench.clock.advance(1)
        made = await bench.publish(lane, 5)
        await bench.clock.advance(8)
        assert bench.sent(made) == 5
        assert 0 < bench.sent(backlog) < len(backlog)


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
async def test_ordinary_work_advances_beside_an_endless_urgent_backlog(concurrency: int) -> None:
    async with virtual_engine(concurrency=concurrency) as bench:
        urgent = await bench.publish(URGENT, 60 * concurrency)
        ordinary = await bench.publish(ORDINARY, 60 * concurrency)
        await bench.clock.advance(9)
        both = bench.sent(ordinary) + bench.sent(urgent)
        assert bench.sent(ordinary) >= both / 12
        # Of 3 slots each lane has its own, and of 2 one.
        assert bench.sent(urgent) >= both * (0.45 if concurrency in {2, 3} else 0.55)


async def test_a_prefetch_below_the_concurrency_leaves_no_slot_empty() -> None:
    async with virtual_engine(concurrency=128, prefetch=16) as bench:
        await bench.publish(ORDINARY, 200)
        await bench.clock.advance(0.1)  # shorter than the shortest send
        assert len(bench.provider.begun) == 112
