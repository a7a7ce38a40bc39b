"""When log lines are written."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

from angarium.platform.telemetry.logging import Logger, make_logger
from angarium.platform.telemetry.sinks import MOST_WAITING
from tests.support.clock import ManualClock


class CountingStream(io.StringIO):
    """Knows how often it was written to."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.getvalue().splitlines()]


def _logger(stream: io.StringIO, log_dir: Path | None = None) -> Logger:
    return make_logger("s", stream=stream, log_dir=log_dir)


async def test_lines_of_one_turn_are_written_together_and_in_order(tmp_path: Path) -> None:
    stream = CountingStream()
    logger = _logger(stream, tmp_path)
    events = [f"e{number}" for number in range(20)]
    for event in events:
        logger.info(event)
    assert stream.writes == 0
    await asyncio.sleep(0)
    assert (stream.writes, stream.events()) == (1, events)
    assert (tmp_path / "combined.log").read_text() == stream.getvalue()
    logger.info("next")
    await asyncio.sleep(0)
    assert stream.events()[-1] == "next"


async def test_without_fast_paths_no_line_waits(tmp_path: Path) -> None:
    stream = CountingStream()
    logger = make_logger("s", stream=stream, log_dir=tmp_path, fast_paths=False)
    logger.info("one")
    logger.debug("below the level")
    logger.info("two")
    assert (stream.writes, stream.events()) == (2, ["one", "two"])


async def test_both_forms_write_the_same_lines() -> None:
    fast, plain = (CountingStream() for _ in range(2))
    for stream, fast_paths in ((fast, True), (plain, False)):
        clock = ManualClock()
        logger = make_logger("s", level="debug", stream=stream, clock=clock, fast_paths=fast_paths).bind(worker="w")
        for level in ("debug", "info", "warning", "error", "critical"):
            logger.log(getattr(logging, level.upper()), "got %d", 2, email="a@b.test", reason="to a@b.test", kept=1)
            getattr(logger, level)("e", service="other", correlation_id="c-1", worker="w-2", thing=Path("/x"))
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logger.exception("failed")
        await asyncio.sleep(0)
    assert fast.getvalue() == plain.getvalue()
    assert len(fast.events()) == 11


async def test_a_warning_is_written_at_once_after_those_that_wait(tmp_path: Path) -> None:
    stream = CountingStream()
    logger = _logger(stream, tmp_path)
    logger.info("before")
    logger.warning("warned")
    assert stream.events() == ["before", "warned"]
    logger.error("broken")
    assert "broken" in (tmp_path / "error.log").read_text()
    assert stream.events()[-1] == "broken"


async def test_both_files_are_there_from_the_start(tmp_path: Path) -> None:
    _logger(CountingStream(), tmp_path / "logs")
    assert {file.name: file.read_bytes() for file in (tmp_path / "logs").iterdir()} == {
        "combined.log": b"",
        "error.log": b"",
    }


async def test_no_more_than_a_few_wait() -> None:
    stream = CountingStream()
    logger = _logger(stream)
    for _ in range(MOST_WAITING):
        logger.info("e")
    assert len(stream.events()) == MOST_WAITING


async def test_a_thread_writes_at_once_and_keeps_the_order() -> None:
    stream = CountingStream()
    logger = _logger(stream)
    logger.info("loop")
    thread = threading.Thread(target=logger.info, args=("thread",))
    thread.start()
    thread.join()
    assert stream.events() == ["loop", "thread"]


def test_what_logs_while_it_is_written_holds_up_nothing() -> None:
    stream = CountingStream()
    logger = _logger(stream)

    class Talkative:
        def __str__(self) -> str:
            logger.info("inner")
            return "told"

    logger.info("outer", thing=Talkative())
    assert stream.events() == ["inner", "outer"]


def test_without_an_event_loop_a_line_is_written_at_once() -> None:
    stream = CountingStream()
    _logger(stream).info("e")
    assert stream.events() == ["e"]


def test_a_loop_that_ended_too_early_holds_up_no_other() -> None:
    stream = CountingStream()
    logger = _logger(stream)

    async def last_word(word: str) -> None:
        asyncio.get_running_loop().stop()
        logger.info(word)

    loop = asyncio.new_event_loop()
    task = loop.create_task(last_word("unheard"))
    loop.run_forever()
    assert task.done()
    loop.close()
    assert stream.events() == []
    asyncio.run(_heard(logger))
    assert stream.events() == ["unheard", "heard"]


async def _heard(logger: Logger) -> None:
    logger.info("heard")
    await asyncio.sleep(0)


def test_what_waits_when_the_process_ends_is_written() -> None:
    code = """
import asyncio, sys
from angarium.platform.telemetry.logging import make_logger
logger = make_logger("s", format="json")
async def main():
    asyncio.get_running_loop().stop()
    logger.info("last")
loop = asyncio.new_event_loop()
loop.create_task(main())
loop.run_forever()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert json.loads(done.stdout)["event"] == "last"
