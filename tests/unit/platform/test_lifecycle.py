"""How a process lives and ends."""

import asyncio
import io
import json
import os
import signal
import sys

import pytest

from angarium.platform.lifecycle import Background, stop_on_signals
from angarium.platform.loop import Loop, Passes
from angarium.platform.telemetry.logging import Logger, make_logger
from tests.support.clock import ManualClock, settle
from tests.support.runtime import a_runtime


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(log: io.StringIO) -> Logger:
    return make_logger("s", stream=log)


async def test_loops_end_in_the_reverse_order_of_their_start() -> None:
    ended: list[str] = []

    def lasting(name: str) -> Loop:
        async def once() -> bool:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)
            return False

        return Passes(name, once, pause=None)

    background = Background(a_runtime())
    background.start(lasting("first"), lasting("second"))
    background.start(lasting("third"))
    await settle()
    await background.close()
    await background.close()
    assert ended == ["third", "second", "first"]


async def test_the_context_of_background_loops_ends_them() -> None:
    clock, passes = ManualClock(), 0

    async def once() -> bool:
        nonlocal passes
        passes += 1
        return False

    async with Background(a_runtime(clock=clock)) as background:
        background.start(Passes("work", once, pause=1.0))
        await clock.advance(1.5)
    await clock.advance(10)
    assert passes == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_to_stop(number: signal.Signals, log: io.StringIO, logger: Logger) -> None:
    stop = asyncio.Event()
    with stop_on_signals(stop, logger):
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 5)
    assert json.loads(log.getvalue())["signal"] == number.name


SCRIPT = """
import asyncio
from angarium.platform.loop import Loop, Passes
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
