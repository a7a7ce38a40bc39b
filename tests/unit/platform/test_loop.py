"""A loop runs passes, waits between them, outlives their errors, and ends when it is to."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from angarium.contracts.errors import Transient
from angarium.platform.loop import Loop, Passes, run_loop
from angarium.platform.telemetry.logging import make_logger
from tests.support.clock import ManualClock, settle


class Work(Loop):
    """Does what `steps` say, one for each pass, then nothing: a bool is returned, an error raised."""

    name = "work"

    def __init__(self, *steps: bool | BaseException, pause: float | None = 1.0, longest: float = 15.0) -> None:
        super().__init__()
        self.pause = pause
        self.longest_back_off = longest
        self.steps = list(steps)
        self.passes = 0

    async def once(self) -> bool:
        self.passes += 1
        step = self.steps.pop(0) if self.steps else False
        if isinstance(step, BaseException):
            raise step
        return step


class World:
    """A clock, a log, and loops that run until the test ends."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = io.StringIO()
        self.logger = make_logger("s", stream=self.log)

    @asynccontextmanager
    async def running(self, loop: Loop, stop: asyncio.Event | None = None) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(run_loop(loop, clock=self.clock, logger=self.logger, stop=stop))
        await settle()
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def world() -> World:
    return World()


async def test_passes_follow_each_other_after_the_pause(world: World) -> None:
    async with world.running(work := Work()):
        assert work.passes == 1
        await world.clock.advance(0.9)
        assert work.passes == 1
        await world.clock.advance(0.1)
        assert work.passes == 2
    assert world.lines() == []


async def test_while_more_is_waiting_there_is_no_pause(world: World) -> None:
    async with world.running(work := Work(True, True, True, False)):
        assert work.passes == 4
        await world.clock.advance(0.9)
        assert work.passes == 4


async def test_passes_that_never_wait_let_others_run(world: World) -> None:
    class Endless(Work):
        async def once(self) -> bool:
            self.passes += 1
            return True

    async with world.running(work := Endless()):
        before = work.passes
        await settle(3)
        assert 1 <= work.passes - before <= 3


async def test_an_unexpected_error_is_logged_with_its_traceback_and_the_waits_double(world: World) -> None:
    async with world.running(work := Work(*[OSError("no") for _ in range(7)])):
        for passes, seconds in enumerate([0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0], start=1):
            await world.clock.advance(seconds - 0.1)
            assert work.passes == passes
            await world.clock.advance(0.1)
        assert work.passes == 8
    lines = world.lines()
    assert [line["retry_in_seconds"] for line in lines] == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert {(line["event"], line["level"], line["task"]) for line in lines} == {("background.failed", "error", "work")}
    assert all("OSError" in line["exception"] for line in lines)


async def test_a_loop_bounds_its_own_waits(world: World) -> None:
    async with world.running(work := Work(*[OSError() for _ in range(10)], longest=0.2)):
        await world.clock.advance(1.0)
        assert work.passes == 6


async def test_a_pass_that_succeeds_resets_the_wait(world: World) -> None:
    steps: list[bool | BaseException] = [OSError(), OSError(), False, OSError()]
    async with world.running(Work(*steps)):
        await world.clock.advance(0.5 + 1.0 + 1.0)
    assert [line["retry_in_seconds"] for line in world.lines()] == [0.5, 1.0, 0.5]


async def test_a_dependency_that_is_away_is_a_warning_which_becomes_rare(world: World) -> None:
    async with world.running(Work(*[Transient() for _ in range(200)])):
        await world.clock.advance(150)
    lines = world.lines()
    assert {(line["event"], line["level"], line["error"]) for line in lines} == {
        ("background.waits", "warning", "Transient")
    }
    assert len(lines) in range(4, 7), "at 0 s, then about 10, 30, 70 and 150 s later"
    assert not any("exception" in line for line in lines)


async def test_a_dependency_that_goes_away_again_is_logged_again(world: World) -> None:
    async with world.running(Work(Transient(), False, Transient())):
        await world.clock.advance(0.5 + 1.0)
    assert len(world.lines()) == 2


async def test_wake_ends_the_pause(world: World) -> None:
    async with world.running(work := Work()):
        work.wake()
        await settle()
        assert work.passes == 2
        await world.clock.advance(0.9)
        assert work.passes == 2


async def test_without_a_pause_the_loop_waits_to_be_woken(world: World) -> None:
    async with world.running(work := Work(pause=None)):
        await world.clock.advance(3600)
        assert work.passes == 1
        work.wake()
        await settle()
        assert work.passes == 2


async def test_wake_during_a_pass_asks_for_another(world: World) -> None:
    gate, passes = asyncio.Event(), 0

    async def once() -> bool:
        nonlocal passes
        passes += 1
        await gate.wait()
        return False

    async with world.running(loop := Passes("gated", once, pause=None)):
        loop.wake()
        gate.set()
        await settle()
        assert passes == 2


async def test_wake_does_not_shorten_the_wait_after_an_error(world: World) -> None:
    async with world.running(work := Work(OSError())):
        work.wake()
        await settle()
        assert work.passes == 1


async def test_cancellation_ends_the_loop_in_a_pass_a_pause_and_a_wait(world: World) -> None:
    async def lasting() -> bool:
        await asyncio.Event().wait()
        return False

    for loop in (Passes("lasting", lasting, pause=1.0), Work(), Work(OSError())):
        async with world.running(loop) as task:
            task.cancel()
            await settle()
            assert task.cancelled()


async def test_a_cancellation_that_a_library_raises_does_not_end_the_loop(world: World) -> None:
    async with world.running(work := Work(asyncio.CancelledError())) as task:
        await world.clock.advance(0.5)
        assert work.passes == 2
        assert not task.done()


def _in_a_pause() -> Loop:
    return Work()


def _in_a_wait() -> Loop:
    return Work(OSError())


@pytest.mark.parametrize("make", [_in_a_pause, _in_a_wait])
async def test_stop_ends_the_loop_at_once_when_no_pass_is_under_way(make: Callable[[], Loop], world: World) -> None:
    stop = asyncio.Event()
    async with world.running(make(), stop) as task:
        stop.set()
        await settle()
        assert task.done()
        assert not task.cancelled()


async def test_stop_lets_the_pass_under_way_end(world: World) -> None:
    stop, gate, ended = asyncio.Event(), asyncio.Event(), False

    async def once() -> bool:
        nonlocal ended
        await gate.wait()
        ended = True
        return True

    async with world.running(Passes("gated", once, pause=1.0), stop) as task:
        stop.set()
        await settle()
        assert not task.done()
        gate.set()
        await settle()
        assert task.done()
    assert ended
