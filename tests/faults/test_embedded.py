"""The one process that is everything, killed and stopped with work at hand."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.conftest import CONCURRENCY, SETTINGS
from tests.faults.load import Load, clean
from tests.support.smtp_sink import SmtpSink
from tests.support.system import EmbeddedSystem, running


@pytest.fixture
async def system(sink: SmtpSink, tmp_path: Path) -> AsyncIterator[EmbeddedSystem]:
    with running(EmbeddedSystem(tmp_path, sink=sink, settings=SETTINGS)) as system:
        async with system.connected():
            yield system


async def test_five_hundred_pending_survive_a_kill(system: EmbeddedSystem) -> None:
    system.sink.slow_down(0.05)
    load = await Load.prepare(system)
    await load.send_bulk(500)
    await load.received(50)
    await system.kill("angarium")
    assert len(system.sink.notifications().keys() & load.ledger.accepted) < 400
    system.sink.slow_down(0)
    await system.start()
    await load.all_sent(within=60)
    account = await load.account()
    assert account.accepted == 500
    assert clean(account, duplicated=CONCURRENCY), account


async def test_a_stop_finishes_what_is_being_sent(system: EmbeddedSystem) -> None:
    system.sink.slow_down(0.2)
    load = await Load.prepare(system)
    await load.send_bulk(300)
    await load.received(40)
    await system.stop()
    system.sink.slow_down(0)
    await system.start()
    await load.all_sent(within=15)
    account = await load.account()
    assert clean(account), account
