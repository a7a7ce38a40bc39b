"""The simulator's event loop: virtual time, order, and frozen and killed processes."""

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest

from tests.simulation.loop import VirtualLoop


def loop_of(seed: int) -> VirtualLoop:
    return VirtualLoop(Random(seed))  # type: ignore[abstract]  # noqa: S311 - to be repeated


async def tell(seen: list[str], name: str, seconds: float, times: int = 1) -> None:
    try:
        for _ in range(times):
            await asyncio.sleep(seconds)
            seen.append(name)
    finally:
        seen.append(f"{name} ends")


def run(loop: VirtualLoop, *work: tuple[str, Coroutine[Any, Any, None]], deadline: float) -> bool:
    tasks = [loop.spawn(process, coroutine) for process, coroutine in work]
    return loop.run(lambda: all(task.done() for task in tasks), deadline=deadline)


def test_virtual_time_passes_instantly_and_sleepers_wake_in_order() -> None:
    loop, seen = loop_of(1), list[str]()
    assert run(loop, ("a", tell(seen, "late", 3600)), ("a", tell(seen, "soon", 60)), deadline=4000)
    assert seen == ["soon", "soon ends", "late", "late ends"]
    assert loop.time() == 3600


def test_order_is_fifo_within_a_process_and_random_between_processes() -> None:
    orders = set()
    for seed in range(20):
        loop, seen = loop_of(seed), list[str]()
        assert run(loop, *((process, tell(seen, f"{process}{n}", 0)) for process in "ab" for n in "12"), deadline=1)
        told = [name for name in seen if "ends" not in name]
        assert [name for name in told if name[0] == "a"] == ["a1", "a2"]
        orders.add(tuple(told))
    assert len(orders) > 1


def test_a_killed_process_runs_no_finally_block_during_the_run() -> None:
    loop, seen = loop_of(1), list[str]()
    loop.spawn("victim", tell(seen, "victim", 1, times=9))
    assert not loop.run(lambda: len(seen) == 2, deadline=1.5)
    loop.kill("victim")
    assert not loop.run(lambda: False, deadline=20)
    assert seen == ["victim"]
    loop.finish()
    assert seen[-1] == "victim ends"
    assert loop.errors == []


def test_a_frozen_process_continues_where_it_stopped() -> None:
    loop, seen = loop_of(1), list[str]()
    task = loop.spawn("victim", tell(seen, "victim", 1, times=2))
    loop.freeze("victim")
    assert not loop.run(task.done, deadline=10)
    assert seen == []
    loop.spawn("world", tell(seen, "world", 30))
    assert not loop.run(lambda: "world" in seen, deadline=20)
    loop.thaw("victim")
    assert loop.run(task.done, deadline=60)
    assert seen == ["victim", "victim", "victim ends"]
    loop.finish()


@pytest.mark.parametrize("step", [1, 3, 5])
def test_a_trap_replaces_a_step(step: int) -> None:
    loop, seen = loop_of(1), list[str]()
    task = loop.spawn("victim", tell(seen, "victim", 1, times=5))
    loop.trap("victim", step, lambda: loop.kill("victim"))
    assert not loop.run(task.done, deadline=60)
    assert len(seen) < 5
    loop.finish()
