"""How a process lives and ends."""

import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from angarium.platform.lifecycle import Background, stop_on_signals
from angarium.platform.telemetry.logging import Logger, make_logger
from tests.support.clock import ManualClock, settle


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(log: io.StringIO) -> Logger:
    return make_logger("s", stream=log)


async def test_a_loop_that_fails_is_run_again_after_a_growing_pause(log: io.StringIO, logger: Logger) -> None:
    clock, runs = ManualClock(), 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        message = "no"
        raise OSError(message)

    async with Background(logger=logger, clock=clock) as background:
        background.start("relay", work)
        await settle()
        assert runs == 1
        await clock.advance(0.4)
        assert runs == 1
        await clock.advance(0.1)
        assert runs == 2
        await clock.advance(0.9)
        assert runs == 2
        await clock.advance(60)
        assert runs in range(7, 10)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["retry_in_seconds"] for line in lines][:7] == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert {line["task"] for line in lines} == {"relay"}
    assert "OSError" in lines[0]["exception"]


async def test_a_loop_that_was_well_begins_with_the_short_pause_again(log: io.StringIO, logger: Logger) -> None:
    clock, quick = ManualClock(), [True, True, True, False, True]

    async def work() -> None:
        if not quick.pop(0):
            await clock.sleep(120)
        message = "no"
        raise OSError(message)

    async with Background(logger=logger, clock=clock) as background:
        background.start("relay", work)
        await clock.advance(0.5 + 1 + 2)
        await clock.advance(120)
    pauses = [json.loads(line)["retry_in_seconds"] for line in log.getvalue().splitlines()]
    assert pauses == [0.5, 1.0, 2.0, 0.5]


async def test_work_that_ends_is_run_again(logger: Logger) -> None:
    clock, runs = ManualClock(), 0

    async def work() -> None:
        nonlocal runs
        runs += 1

    async with Background(logger=logger, clock=clock) as background:
        background.start("sweep", work)
        await clock.advance(2)
    assert runs == 5


async def test_loops_end_in_the_reverse_order_of_their_start(logger: Logger) -> None:
    ended: list[str] = []

    def lasting(name: str) -> Callable[[], Any]:
        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)

        return work

    background = Background(logger=logger, clock=ManualClock())
    for name in ("first", "second", "third"):
        background.start(name, lasting(name))
    await settle()
    await background.close()
    await background.close()
    assert ended == ["third", "second", "first"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_to_stop(number: signal.Signals, log: io.StringIO, logger: Logger) -> None:
    stop = asyncio.Event()
    with stop_on_signals(stop, logger):
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 5)
    assert json.loads(log.getvalue())["signal"] == number.name


SCRIPT = """
import asyncio
from angarium.platform.lifecycle import stop_on_signals
from angarium.platform.telemetry.logging import make_logger

async def main():
    with stop_on_signals(asyncio.Event(), make_logger("s", format="json")):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_the_second_signal_ends_the_process() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SCRIPT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert b"process.stopping" in await asyncio.wait_for(process.stdout.readline(), 10)
    assert process.returncode is None
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 128 + signal.SIGTERM
    await process.communicate()
