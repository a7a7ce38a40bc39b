"""An engine whose parts fail, whose sends never end, and that is started again in the same process."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from angarium.contracts.statuses import Status
from angarium.delivery.engine import STUCK_AFTER
from angarium.delivery.process import moves_on
from angarium.platform.broker.memory.queue import MemoryConsumer
from angarium.platform.broker.port import Delivery
from angarium.platform.http.frame.health import Health
from tests.support.virtual_engine import VirtualBench, virtual_engine


def failing_once(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step`, whose first call raises."""
    calls = 0

    def failing(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("a bug")
        return step(*args, **kwargs)

    return failing


def nothing_is_held(bench: VirtualBench) -> bool:
    return bench.engine._slots.in_use == 0 and not bench.engine._leases._held and not bench.engine._tasks


async def test_a_lane_that_fails_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with virtual_engine() as bench:
        take: Callable[[MemoryConsumer, int], Sequence[Delivery]] = MemoryConsumer.take
        monkeypatch.setattr(MemoryConsumer, "take", failing_once(take))
        made = [*await bench.publish("email"), *await bench.publish("email.urgent")]
        await bench.clock.advance(3)
        assert bench.sent(made) == 2
        assert nothing_is_held(bench)
        assert bench.log.getvalue().count("engine.part_restarts") == 1


async def test_renewal_that_fails_is_started_again() -> None:
    async with virtual_engine() as bench:
        leases = bench.engine._leases
        leases.renew = failing_once(leases.renew)  # type: ignore[method-assign]
        bench.provider.seconds = 100
        made = await bench.publish("email", 3)
        await bench.clock.advance(200)
        assert bench.sent(made) == 3
        assert [bench.store.rows[id_].attempt for id_ in made] == [1, 1, 1], "no lease ended"


async def test_a_failing_renewal_costs_the_other_leases_nothing() -> None:
    async with virtual_engine() as bench:
        bench.provider.seconds = 100
        first = await bench.publish("email")
        await bench.clock.advance(1)
        [token] = bench.engine._leases._held
        made = [*await bench.publish("email", 3), *await bench.publish("email.urgent")]
        renew = bench.store.renew

        async def broken(leases: Any, **kwargs: Any) -> Any:
            if any(held == token for _, held in leases):
                raise RuntimeError("a bug")
            return await renew(leases, **kwargs)

        bench.store.renew = broken  # type: ignore[method-assign]
        await bench.clock.advance(200)
        assert bench.sent(made) == 4
        assert [bench.store.rows[id_].attempt for id_ in made] == [1] * 4
        assert bench.sent(first) == 1


@pytest.mark.fault(65)
async def test_sends_that_outlive_the_drain_leave_nothing_behind_for_the_next_run() -> None:
    async with virtual_engine(concurrency=8) as bench:
        bench.provider.seconds = 10_000
        made = await bench.publish("email", 20)
        await bench.clock.advance(1)
        assert bench.engine._slots.in_use == 6
        bench.stop.set()
        await bench.clock.advance(30)
        assert nothing_is_held(bench)
        bench.provider.seconds = 0.3
        stop = asyncio.Event()
        again = asyncio.create_task(bench.engine.run(stop))
        await bench.clock.advance(90)
        assert bench.sent(made) == 20
        assert nothing_is_held(bench)
        stop.set()
        await bench.clock.advance(1)
        await again


@pytest.mark.fault(63)
async def test_a_stopping_worker_leaves_what_it_has_not_begun_to_others_at_once() -> None:
    async with virtual_engine(concurrency=8, prefetch=16) as bench:
        bench.provider.seconds = 20
        await bench.publish("email", 40)
        await bench.publish("email.urgent", 3)
        await bench.clock.advance(1)
        begun = bench.engine._slots.in_use
        bench.stop.set()
        await bench.clock.advance(0.1)
        async with bench.broker.consume("email.queue", prefetch=100) as other:
            await bench.clock.advance(0.1)
            assert other.waiting == 43 - begun
            assert bench.engine._slots.in_use == begun, "what it has begun goes on"


async def test_the_slots_of_each_lane_are_a_metric() -> None:
    async with virtual_engine(concurrency=8) as bench:
        bench.provider.seconds = 20
        await bench.publish("email", 3)
        await bench.publish("email.urgent", 2)
        await bench.clock.advance(1)
        text = bench.metrics.render().decode()
        assert 'angarium_slots_held{channel="email",lane="ordinary"} 3.0' in text
        assert 'angarium_slots_held{channel="email",lane="urgent"} 2.0' in text


async def test_a_delivery_cancelled_before_it_began_gives_back_its_slot() -> None:
    async with virtual_engine() as bench:
        await bench.publish("email", 5)
        for _ in range(100):
            await asyncio.sleep(0)
            await bench.clock.advance(0.0005)
            if any(task.get_coro().cr_frame.f_lasti <= 0 for task in bench.engine._tasks):  # type: ignore[union-attr]
                break
        for task in list(bench.engine._tasks):
            task.cancel()
        await bench.clock.advance(0.01)
        assert bench.engine._slots.in_use == 0
        assert not bench.engine._leases._held


async def test_stuck_is_reported_when_no_slot_came_free_while_work_waits() -> None:
    async with virtual_engine(concurrency=3) as bench:
        minutes = STUCK_AFTER.total_seconds() / 60
        bench.provider.seconds = 1e6
        await bench.publish("email")
        await bench.clock.advance(60 * 20)
        assert bench.engine.stuck() is None, "no work waits"
        await bench.publish("email")
        await bench.clock.advance(60 * (minutes - 1))
        assert bench.engine.stuck() is None
        await bench.clock.advance(60 * 2)
        assert bench.engine.stuck() == (
            "email messages wait, and no send has finished for 13 minutes: every slot is held"
        )
        made = await bench.publish("email.urgent")
        await bench.clock.advance(1)
        bench.provider.seconds = 0.3
        assert bench.store.rows[made[0]].status is Status.SENDING


async def test_slow_sends_that_end_are_not_stuck() -> None:
    async with virtual_engine(concurrency=3) as bench:
        bench.provider.seconds = 180
        await bench.publish("email", 30)
        for _ in range(40):
            await bench.clock.advance(60)
            assert bench.engine.stuck() is None


@pytest.mark.fault(65)
async def test_a_cancelled_run_leaves_nothing_behind() -> None:
    async with virtual_engine(concurrency=8) as bench:
        bench.provider.seconds = 10_000
        stop = asyncio.Event()
        bench.stop.set()
        await bench.clock.advance(1)
        running = asyncio.create_task(bench.engine.run(stop))
        await bench.clock.advance(1)
        for lane in ("email", "email.urgent"):
            await bench.publish(lane, 20)
        await bench.clock.advance(1)
        assert bench.engine._slots.in_use == 8 - 1
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert nothing_is_held(bench)
        assert not [task for task in asyncio.all_tasks() if "Engine." in repr(task)]


async def test_a_worker_whose_sends_are_stuck_is_not_ready() -> None:
    async with virtual_engine(concurrency=1) as bench:
        health = Health("email", "1", {"broker": bench.broker.problem})
        health.add("delivery", moves_on([bench.engine]))
        assert await health.problems() == {"broker": None, "delivery": None}
        bench.provider.seconds = 1e6
        await bench.publish("email", 2)
        await bench.clock.advance(60 * 20)
        problem = await moves_on([bench.engine])()
        assert problem == "email messages wait, and no send has finished for 20 minutes: every slot is held"
