"""The single process of the embedded form is killed and stopped while it sends."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.faults.conftest import CONCURRENCY, SETTINGS
from tests.faults.load import Load
from tests.support.system import EmbeddedSystem, running


@pytest.fixture
async def system(sink: SmtpSink, tmp_path: Path) -> AsyncIterator[EmbeddedSystem]:
    with running(EmbeddedSystem(tmp_path, sink=sink, settings=SETTINGS)) as system:
        async with system.connected():
            yield system


@pytest.mark.long
@pytest.mark.fault(4)
async def test_pending_notifications_survive_a_kill(system: EmbeddedSystem, volume: int) -> None:
    system.sink.slow_down(0.05)
    load = await Load.prepare(system)
    await load.send_bulk(volume)
    await load.received(50)
    await system.kill("angarium")
    assert len(system.sink.notifications().keys() & load.ledger.accepted) < 0.8 * volume
    system.sink.slow_down(0)
    await system.start()
    await load.all_sent(within=60)
    account = await load.judge(window=CONCURRENCY)
    assert account.accepted == volume


@pytest.mark.long
@pytest.mark.fault(7)
async def test_a_stop_finishes_running_sends(system: EmbeddedSystem) -> None:
    system.sink.slow_down(0.2)
    load = await Load.prepare(system)
    await load.send_bulk(300)
    await load.received(40)
    await system.stop()
    system.sink.slow_down(0)
    await system.start()
    await load.all_sent(within=15)
    await load.judge()
