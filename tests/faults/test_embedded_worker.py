"""`angarium up --workers 1`: its two processes are killed, stopped and frozen while they send."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.faults.conftest import CONCURRENCY, SETTINGS
from tests.faults.load import Load
from tests.support.processes import runs
from tests.support.system import running
from tests.support.wait import until
from tests.support.worker_system import EmbeddedWithWorker

ENDS_WITHIN = 10.0
"""Seconds within which a worker must end after its parent was killed; the sends here are short."""


@pytest.fixture
async def system(sink: SmtpSink, tmp_path: Path) -> AsyncIterator[EmbeddedWithWorker]:
    with running(EmbeddedWithWorker(tmp_path, sink=sink, settings=SETTINGS)) as system:
        async with system.connected():
            yield system


async def _ready(system: EmbeddedWithWorker) -> bool:
    return (await system.client.get("/ready")).status_code == 200


async def test_a_killed_worker_is_replaced_and_nothing_is_lost(system: EmbeddedWithWorker) -> None:
    system.sink.slow_down(0.05)
    load = await Load.prepare(system)
    await load.send_bulk(400)
    await load.received(50)
    killed = system.worker_process
    os.kill(killed, signal.SIGKILL)
    await load.send_bulk(100)
    system.sink.slow_down(0)
    await load.all_sent(within=90)
    account = await load.judge(window=CONCURRENCY)
    assert account.accepted == 500
    assert system.worker_process != killed
    [ended] = [line for line in system.logs().splitlines() if '"worker.ended"' in line]
    assert '"exit_code":-9' in ended


@pytest.mark.long
async def test_a_worker_whose_parent_is_killed_finishes_its_sends_and_ends(system: EmbeddedWithWorker) -> None:
    system.sink.slow_down(0.05)
    load = await Load.prepare(system)
    await load.send_bulk(400)
    await load.received(50)
    worker = system.worker_process
    os.kill(system.process_id("angarium"), signal.SIGKILL)
    await until(lambda: not runs(worker), ENDS_WITHIN, message="the worker ends")
    await system.ended("angarium")
    assert len(system.sink.notifications().keys() & load.ledger.accepted) < 400
    system.sink.slow_down(0)
    await system.start()
    await load.all_sent(within=60)
    account = await load.judge()  # no duplicates: running sends were recorded
    assert account.accepted == 400
    assert "Traceback" not in system.logs()


@pytest.mark.long
async def test_a_restart_while_an_old_worker_still_sends_repeats_nothing(system: EmbeddedWithWorker) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(2.0)
    await load.send_bulk(100)
    await load.received(1)
    worker = system.worker_process
    os.kill(system.process_id("angarium"), signal.SIGKILL)
    await system.ended("angarium")
    await system.start()
    assert worker not in system.worker_processes()
    system.sink.slow_down(0)
    await load.all_sent(within=120)
    await load.judge()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_one_signal_stops_both_processes_after_their_running_sends(
    system: EmbeddedWithWorker, number: signal.Signals
) -> None:
    system.sink.slow_down(0.2)
    load = await Load.prepare(system)
    await load.send_bulk(200)
    await load.received(20)
    worker, parent = system.worker_process, system.process_id("angarium")
    os.killpg(parent, number)  # as a terminal does
    assert await system.ended("angarium") == 0
    assert not runs(worker)
    assert "Traceback" not in system.logs()
    system.sink.slow_down(0)
    await system.start()
    await load.all_sent(within=30)
    await load.judge()


@pytest.mark.long
async def test_readiness_names_a_frozen_worker(system: EmbeddedWithWorker) -> None:
    worker = system.worker_process
    os.kill(worker, signal.SIGSTOP)
    try:
        await until(lambda: _unready(system), 10, message="/ready tells")
        reason = (await system.client.get("/ready")).json()["reasons"]["delivery"]
        assert reason == "worker-1 (email, push, sms, webhook) does not answer"
    finally:
        os.kill(worker, signal.SIGCONT)
    await until(lambda: _ready(system), 10, message="it is ready again")


async def _unready(system: EmbeddedWithWorker) -> bool:
    return not await _ready(system)
