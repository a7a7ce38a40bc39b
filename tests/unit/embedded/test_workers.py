"""Worker processes as their parent sees them: failed starts, ends, stops. Each is a process over a link."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from angarium.contracts.errors import AngariumError, SettingsError
from angarium.embedded.workers import Given, WorkerProcesses, Workers
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.clock import SystemClock
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.telemetry.logging import make_logger
from tests.support.processes import runs
from tests.support.wait import until

CHILD = """
import asyncio, os, signal, socket, sys, time
from angarium.contracts.errors import SettingsError
from angarium.embedded.worker import BEGIN, METRICS, PROBLEM, STOP, refuse_to_begin
from angarium.platform.link.link import Link
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.telemetry.logging import make_logger

connection = socket.socket(fileno=int(sys.argv[2]))

async def work(problem=b"\\xc0", deaf=False, ends=None):
    stop, assigned = asyncio.Event(), asyncio.Event()
    link = await Link.over(connection, make_logger(sys.argv[1]))
    async def begun(_):
        assigned.set()
        return b""
    async def well(_): return problem
    async def metrics(_): return sys.argv[1].encode()
    link.answer(BEGIN, begun); link.answer(PROBLEM, well); link.answer(METRICS, metrics)
    link.receive(STOP, lambda _: None if deaf else stop.set())
    link.at_end(stop.set)
    if ends is not None:
        await assigned.wait()
        await asyncio.sleep(0.3)  # its answer arrives
        os._exit(ends)
    await stop.wait()
"""
"""What a worker says to its parent, without engines. A test adds what it does."""


class _NoContacts:
    async def find(self, tenant: str, user_ids: Collection[UUID]) -> Sequence[bytes]:
        raise DatabaseUnavailable

    async def find_of(self, wanted: Mapping[str, Collection[UUID]]) -> Sequence[bytes]:
        raise DatabaseUnavailable


@pytest.fixture
def log() -> StringIO:
    return StringIO()


@asynccontextmanager
async def _workers(does: str, log: StringIO, count: int = 1) -> AsyncIterator[tuple[Workers, Given]]:
    processes = WorkerProcesses(count, [sys.executable, "-c", CHILD + does])
    clock, logger = SystemClock(), make_logger("tests", format="json", stream=log)
    broker = MemoryBroker(clock)
    workers = Workers(processes, clock=clock, logger=logger)
    try:
        yield workers, Given(broker, {}, _NoContacts(), None)
    finally:
        await workers.close()
        await broker.close()


def _events(log: StringIO, name: str) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in log.getvalue().splitlines()]
    return [event for event in events if event["event"] == name]


async def test_a_worker_that_ends_at_its_start_is_named_with_its_exit_status(log: StringIO) -> None:
    async with _workers("sys.exit(3)", log) as (workers, given):
        with pytest.raises(AngariumError, match=r"^worker-1 did not start: it ended with exit status 3$"):
            await workers.start(given)


async def test_a_wrong_setting_of_a_worker_is_raised_as_it_is(log: StringIO) -> None:
    does = 'asyncio.run(refuse_to_begin(connection, SettingsError("ANGARIUM_X: is wrong")))'
    async with _workers(does, log) as (workers, given):
        with pytest.raises(SettingsError, match=r"^ANGARIUM_X: is wrong$"):
            await workers.start(given)


async def test_a_command_that_is_missing_is_named(log: StringIO) -> None:
    clock, logger = SystemClock(), make_logger("tests", format="json", stream=log)
    workers = Workers(WorkerProcesses(1, ["/nonexistent/python"]), clock=clock, logger=logger)
    with pytest.raises(AngariumError, match="worker-1 did not start: FileNotFoundError"):
        await workers.start(Given(MemoryBroker(clock), {}, _NoContacts(), None))


async def test_one_that_does_not_start_ends_the_others(log: StringIO) -> None:
    does = 'sys.exit(3) if sys.argv[1] == "worker-2" else asyncio.run(work())'
    async with _workers(does, log, count=2) as (workers, given):
        with pytest.raises(AngariumError, match="worker-2"):
            await workers.start(given)
        [started] = _events(log, "worker.started")
        await until(lambda: not runs(started["process"]))


async def test_each_channel_has_one_worker(log: StringIO) -> None:
    async with _workers("asyncio.run(work())", log, count=3) as (workers, given):
        await workers.start(given)
        channels = {event["worker"]: event["channels"] for event in _events(log, "worker.started")}
    assert channels == {"worker-1": ["email", "webhook"], "worker-2": ["push"], "worker-3": ["sms"]}


async def test_they_are_asked_for_problems_and_metrics(log: StringIO) -> None:
    does = r'asyncio.run(work(b"\xa5stuck" if sys.argv[1] == "worker-2" else b"\xc0"))'
    async with _workers(does, log, count=2) as (workers, given):
        assert "worker-1 (email, sms) is not running" in (await workers.problem() or "")
        assert await workers.expositions() == {}
        await workers.start(given)
        assert await workers.problem() == "stuck"
        assert await workers.expositions() == {"worker-1": b"worker-1", "worker-2": b"worker-2"}


async def test_a_worker_that_ends_is_restarted_until_the_stop(log: StringIO) -> None:
    async with _workers("asyncio.run(work())", log) as (workers, given):
        stop = asyncio.Event()
        await workers.start(given)
        keeping = asyncio.create_task(workers.keep(given, stop))
        [first] = _events(log, "worker.started")
        kill = await asyncio.create_subprocess_exec("kill", "-9", str(first["process"]))
        await kill.wait()
        await until(lambda: len(_events(log, "worker.started")) == 2, 60)
        [ended] = _events(log, "worker.ended")
        assert (ended["worker"], ended["exit_code"], ended["restart_in_seconds"]) == ("worker-1", -9, 0.5)
        assert await workers.problem() is None
        stop.set()
        await asyncio.wait_for(keeping, 30)
        assert not any(runs(event["process"]) for event in _events(log, "worker.started"))
        assert len(_events(log, "worker.ended")) == 1


async def test_restarts_that_fail_come_at_growing_intervals(
    log: StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRST", str(tmp_path / "first"))
    does = """
if os.path.exists(os.environ["FIRST"]): sys.exit(4)
open(os.environ["FIRST"], "w").close()
asyncio.run(work(ends=5))
"""
    async with _workers(does, log) as (workers, given):
        stop = asyncio.Event()
        await workers.start(given)
        keeping = asyncio.create_task(workers.keep(given, stop))
        await until(lambda: len(_events(log, "worker.start_failed")) == 2, 60)
        stop.set()
        await asyncio.wait_for(keeping, 30)
    assert [event["exit_code"] for event in _events(log, "worker.ended")] == [5]
    failed = _events(log, "worker.start_failed")
    assert [event["restart_in_seconds"] for event in failed] == [1.0, 2.0]
    assert "exit status 4" in failed[0]["reason"]


async def test_one_that_does_not_stop_is_killed(log: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("angarium.embedded.workers.STOP_SECONDS", 0.2)
    monkeypatch.setattr("angarium.embedded.workers.GIVEN_UP_SECONDS", 0.2)
    does = "asyncio.run(work(deaf=True)); time.sleep(60)"
    async with _workers(does, log) as (workers, given):
        await workers.start(given)
        await asyncio.wait_for(workers.close(), 10)
    [killed] = _events(log, "worker.killed")
    assert killed["worker"] == "worker-1"


async def test_one_that_was_only_launched_ends_at_once(log: StringIO) -> None:
    async with _workers("time.sleep(60)", log) as (workers, _):
        await workers.launch()
        async with asyncio.timeout(4):
            await workers.close()
    assert log.getvalue() == ""
