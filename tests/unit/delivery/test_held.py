"""Whatever fails at whatever step, slots, leases and messages come back, and every notification is sent in the end."""

import asyncio
from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from angarium.contracts.errors import Transient
from angarium.contracts.messages import light_key, light_queue, urgent_queue, work_queue
from angarium.contracts.statuses import Channel, Status
from angarium.delivery.engine import Engine
from tests.support.delivering import TEMPLATE
from tests.support.virtual_engine import VirtualBench, virtual_engine

pytestmark = pytest.mark.slow

LANES = ["email", "email.urgent", light_key(Channel.EMAIL)]
QUEUES = [work_queue(Channel.EMAIL), urgent_queue(Channel.EMAIL), light_queue(Channel.EMAIL)]
STEPS = {
    "_claiming._intake": ["sort"],
    "_claiming._store": ["claim", "record", "renew", "bury"],
    "_preparation": ["ask", "prepare"],
    "_sending": ["send"],
    "_recorder": ["finish"],
    "_burying._parking": ["park"],
    "_burying._publisher": ["publish"],
}
"""The awaits of the path, by the part of the engine that is awaited."""


class Trap:
    """Fails the steps of an engine whose numbers are in `faults`, before or after they are done."""

    def __init__(self, engine: Engine, faults: dict[int, str]) -> None:
        self._engine = engine
        self._faults = faults
        self.steps = 0
        for part, names in STEPS.items():
            for name in names:
                target = attrgetter(part)(engine)
                setattr(target, name, self._trapped(getattr(target, name)))

    def _trapped(self, step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def trapped(*args: Any, **kwargs: Any) -> Any:
            await self._pass()
            result = await step(*args, **kwargs)
            await self._pass()
            return result

        return trapped

    async def _pass(self) -> None:
        number, self.steps = self.steps, self.steps + 1
        match self._faults.get(number):
            case "error":
                raise RuntimeError("a bug")
            case "transient":
                raise Transient
            case "cancel":
                self._cancel()
                await asyncio.sleep(0)
            case _:
                await asyncio.sleep(0)

    def _cancel(self) -> None:
        """Cancel what an engine cancels: its own tasks, not the writing of results that several of them wait for."""
        task = asyncio.current_task()
        if task in self._engine._tasks:
            task.cancel()


async def all_back(bench: VirtualBench) -> bool:
    """Whether the engine holds nothing and its queues are empty."""
    stats = await bench.broker.stats(QUEUES)
    idle = bench.engine._slots.in_use == 0 and not bench.engine._leases._held
    return idle and not any(queue.messages for queue in stats) and bench.broker._held == 0


async def settles(bench: VirtualBench, minutes: int = 5) -> bool:
    for _ in range(minutes * 60):
        await bench.clock.advance(1)
        if await all_back(bench):
            return True
    return False


@settings(max_examples=150, deadline=None)
@given(
    faults=st.dictionaries(st.integers(0, 60), st.sampled_from(["error", "transient", "cancel"]), max_size=4),
    counts=st.lists(st.integers(0, 7), min_size=3, max_size=3),
    concurrency=st.integers(1, 8),
)
@example(faults={12: "error", 13: "error", 0: "error", 31: "error"}, counts=[0, 3, 3], concurrency=7)
def test_a_failure_at_any_step_keeps_nothing(faults: dict[int, str], counts: list[int], concurrency: int) -> None:
    async def run() -> None:
        async with virtual_engine(concurrency=concurrency) as bench:
            Trap(bench.engine, faults)
            made = [id_ for lane, count in zip(LANES, counts, strict=True) for id_ in await bench.publish(lane, count)]
            assert await settles(bench), (bench.engine._slots.in_use, bench.engine._leases._held)
            assert bench.sent(made) == len(made), bench.store.rows

    asyncio.run(run())


@pytest.mark.parametrize("fault", ["error", "cancel"])
async def test_a_failure_at_each_step_of_one_delivery_keeps_nothing(fault: str) -> None:
    async with virtual_engine() as bench:
        trap = Trap(bench.engine, {})
        await bench.publish("email")
        assert await settles(bench)
        steps = trap.steps
    assert steps > 12
    for step in range(steps):
        async with virtual_engine(concurrency=1) as bench:
            Trap(bench.engine, {step: fault})
            made = await bench.publish("email", 3)
            assert await settles(bench), step
            assert bench.sent(made) == 3, step


async def test_stored_delays_without_bounds_stop_no_neighbour() -> None:
    async with virtual_engine() as bench:
        hostile = TEMPLATE.model_copy(update={"code": "hostile", "retry_delays": ["9999999999h", "70000000h", "0ms"]})
        bench.directory.templates["hostile"] = hostile
        for lane in LANES:
            bench.provider.refused.update(await bench.publish(lane, 140, template_code="hostile"))
        await bench.clock.advance(10)
        made = [id_ for lane in LANES for id_ in await bench.publish(lane)]
        await bench.clock.advance(2)
        assert bench.sent(made) == 3
        assert bench.store.count(Status.RETRYING) == 420
