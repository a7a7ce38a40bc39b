"""A slow relay causes no copies and no further attempts. `tests.faults.slow_relay` has the whole table."""

import asyncio
import time
from pathlib import Path

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.faults.load import Load
from tests.faults.slow_relay import Case, Outcome, run
from tests.support.system import EmbeddedSystem, running

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "case",
    [
        Case(100, dot=1),  # with 8 sessions the last one waits for 12 s
        Case(4, dot=3.5, options="pool=1"),
        Case(1, dot=11),
        Case(1, greeting=11),
    ],
    ids=str,
)
@pytest.mark.long
@pytest.mark.fault(42)
def test_every_mail_is_sent_once_with_one_attempt(case: Case, tmp_path: Path) -> None:
    outcome = run(case, tmp_path)
    assert outcome.clean(case), outcome


def test_an_outcome_with_copies_or_failures_is_not_clean() -> None:
    good = Outcome({1: 2}, {1: 2}, {"sent": 2}, 1.0)
    assert good.clean(Case(2))
    assert not good.clean(Case(3))
    assert not Outcome({1: 1, 2: 1}, {1: 2}, {"sent": 2}, 1.0).clean(Case(2))
    assert not Outcome({1: 2}, {2: 2}, {"sent": 2}, 1.0).clean(Case(2))
    assert not Outcome({1: 2}, {1: 2}, {"failed": 2}, 1.0).clean(Case(2))


@pytest.mark.long
@pytest.mark.fault(7, 42)
def test_a_stop_uses_no_attempt_of_waiting_mails(tmp_path: Path) -> None:
    with SmtpSink() as sink:
        settings = {"EMAIL_PROVIDERS": f"{sink.url}&pool=1"}
        with running(EmbeddedSystem(tmp_path, sink=sink, settings=settings)) as system:
            asyncio.run(_stopped_and_started(system))


async def _stopped_and_started(system: EmbeddedSystem) -> None:
    async with system.connected():
        system.sink.slow_down(1.5)
        load = await Load.prepare(system)
        await load.send_bulk(30)
        await load.received(1)
        start = time.monotonic()
        await system.stop()
        assert time.monotonic() - start < 15  # in sequence the mails would take 45 s
        assert len(system.sink.received) < 5
        system.sink.slow_down(0)
        await system.start()
        await load.all_sent(within=30)
        views = [await system.status(id_) for id_ in load.ledger.accepted]
        assert {view["attempts"] for view in views} == {1}
        await load.judge()
