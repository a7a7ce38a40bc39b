"""Workers agree on the breakers: one opens, one probes, all know within a second; the rate is shared out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

import pytest

from angarium.contracts.providers import BreakerState, provider_id_of
from angarium.contracts.statuses import Channel
from angarium.delivery.breakers.breaker import CONNECTIONS_IN_A_ROW, PAUSES, Breaker
from angarium.delivery.breakers.keeper import IDLE_INTERVAL, INTERVAL, BreakerKeeper, Kept
from angarium.delivery.outcome import Retry, Sent
from angarium.notifications.providers.model import Configured
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.database.engine import open_engine
from angarium.platform.telemetry.logging import make_logger
from angarium.platform.telemetry.metrics import Metrics
from tests.support.clock import ManualClock
from tests.support.migrated import upgraded
from tests.support.runtime import a_runtime

ID = provider_id_of(Channel.EMAIL, "smtp")
UNREACHABLE = Retry("cannot connect", unreachable=True)


class Workers:
    """Several workers over one database, each moved by hand."""

    def __init__(self, store: ProviderStore, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.log = StringIO()
        self.metrics = Metrics()
        self.breakers: list[Breaker] = []
        self.keepers: list[BreakerKeeper] = []

    def add(self, rate: float | None = None) -> Breaker:
        configured = Configured(ID, Channel.EMAIL, "smtp", "smtp", 1, None, rate)
        breaker = Breaker(self.clock)
        keeper = BreakerKeeper(
            [Kept(configured, breaker)],
            store=self.store,
            worker=f"host:{len(self.keepers)}",
            runtime=a_runtime(
                clock=self.clock, metrics=self.metrics, logger=make_logger("test", level="info", stream=self.log)
            ),
        )
        self.breakers.append(breaker)
        self.keepers.append(keeper)
        return breaker

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            for keeper in self.keepers:
                await keeper.once()
            await self.clock.advance(INTERVAL)

    def said(self, event: str) -> int:
        return self.log.getvalue().count(event)


@asynccontextmanager
async def _workers(folder: Path) -> AsyncIterator[Workers]:
    clock = ManualClock()
    engine = open_engine(f"sqlite:///{folder / 'notifications.sqlite3'}")
    try:
        await upgraded(engine, MIGRATIONS)
        yield Workers(ProviderStore(engine, clock), clock)
    finally:
        await engine.dispose()


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[Workers]:
    async with _workers(tmp_path) as workers:
        yield workers


def fail(breaker: Breaker, times: int = CONNECTIONS_IN_A_ROW) -> None:
    for _ in range(times):
        if breaker.admits():
            breaker.answered(UNREACHABLE, probe=breaker.begin())


async def test_one_worker_opens_and_all_know_within_a_second(workers: Workers) -> None:
    for _ in range(3):
        workers.add()
    await workers.look()
    fail(workers.breakers[0])
    for breaker in workers.breakers:
        breaker.begin()
    await workers.look()
    assert [breaker.state for breaker in workers.breakers] == [BreakerState.OPEN] * 3
    assert workers.said("breaker.opened") == 1


async def test_workers_that_each_see_too_little_open_together(workers: Workers) -> None:
    for _ in range(3):
        workers.add()
    await workers.look()
    for _ in range(3):
        for breaker in workers.breakers:
            fail(breaker, 1)
        await workers.look()
    assert {breaker.state for breaker in workers.breakers} == {BreakerState.OPEN}
    assert workers.said("breaker.opened") == 1


async def test_one_probe_closes_for_all(workers: Workers) -> None:
    for _ in range(3):
        workers.add()
    await workers.look()
    fail(workers.breakers[0])
    await workers.look(int(PAUSES[0].total_seconds()) + 1)
    for breaker in workers.breakers:
        assert not breaker.admits()
    await workers.look()
    probing = [breaker for breaker in workers.breakers if breaker.admits()]
    assert len(probing) == 1
    probing[0].answered(Sent("250"), probe=probing[0].begin())
    await workers.look(2)
    assert [breaker.state for breaker in workers.breakers] == [BreakerState.CLOSED] * 3
    assert workers.said("breaker.closed") == 1


async def test_without_a_message_there_is_no_probe(workers: Workers) -> None:
    breaker = workers.add()
    await workers.look()
    fail(breaker)
    await workers.look(100)
    assert workers.said("breaker.probes") == 0
    assert breaker.state is BreakerState.OPEN


async def test_a_worker_that_ends_leaves_its_probe_to_another(workers: Workers) -> None:
    first, second = workers.add(), workers.add()
    await workers.look()
    fail(first)
    await workers.look(int(PAUSES[0].total_seconds()) + 1)
    assert not first.admits()
    await workers.look()
    assert first.admits()
    await workers.keepers.pop(0).leave()
    assert not second.admits()
    await workers.look()
    assert second.admits()


async def test_a_breaker_outlives_a_restart_of_all_workers(workers: Workers) -> None:
    fail(workers.add())
    await workers.look()
    for keeper in workers.keepers:
        await keeper.leave()
    workers.keepers.clear()
    again = workers.add()
    await workers.look()
    assert not again.admits()


async def test_an_operator_is_obeyed_within_the_interval(workers: Workers) -> None:
    breaker = workers.add()
    await workers.look()
    await workers.store.force(ID, BreakerState.OPEN)
    await workers.look(int(IDLE_INTERVAL) + 1)
    assert not breaker.admits()
    await workers.store.force(ID, None)
    await workers.look()
    assert breaker.admits()


async def test_the_rate_is_shared_by_those_who_send(workers: Workers) -> None:
    busy, also, idle = workers.add(rate=90), workers.add(rate=90), workers.add(rate=90)
    for _ in range(4):
        busy.begin()
        also.begin()
        await workers.look()
    waits = []
    for breaker in (busy, also, idle):
        await breaker.pace.turn()
        waits.append(breaker.pace.wait())
    assert waits == pytest.approx([1 / 45, 1 / 45, 1 / 30])


async def test_workers_that_turn_to_a_provider_at_once_never_exceed_its_rate_together(workers: Workers) -> None:
    together = [workers.add(rate=90) for _ in range(3)]
    await workers.look(3)
    for _ in range(5):
        for keeper in workers.keepers:
            assert sum(one.pace.share or 0 for one in together) <= 90.001
            for one in together:
                one.begin()
            await keeper.once()
        await workers.clock.advance(INTERVAL)
    assert [one.pace.share for one in together] == [30, 30, 30]


async def test_a_worker_that_starts_takes_no_part_of_the_rate_at_once(workers: Workers) -> None:
    breaker = workers.add(rate=10)
    assert breaker.pace.wait() > 0
    await workers.look()
    assert breaker.pace.limited


async def test_the_state_is_a_metric(workers: Workers) -> None:
    breaker = workers.add()
    await workers.look()
    shown = 'angarium_breaker_state{provider="smtp"}'
    assert f"{shown} 0.0" in workers.metrics.render().decode()
    fail(breaker)
    await workers.look()
    assert f"{shown} 2.0" in workers.metrics.render().decode()


async def test_nothing_is_asked_often_while_nothing_is_sent(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    workers.add()
    await workers.look()
    looks = 0
    states = workers.store.states

    async def counted(*arguments: object) -> object:
        nonlocal looks
        looks += 1
        return await states(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(workers.store, "states", counted)
    await workers.look(int(IDLE_INTERVAL) * 4)
    assert looks <= 5


async def test_while_all_goes_well_the_state_is_read_and_little_is_written(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaker = workers.add()
    await workers.look(2)
    reports = 0
    report = workers.store.report

    async def counted(*arguments: object) -> None:
        nonlocal reports
        reports += 1
        await report(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(workers.store, "report", counted)
    for _ in range(int(IDLE_INTERVAL) * 4):
        breaker.answered(Sent("250"), probe=breaker.begin())
        await workers.look()
    assert 3 <= reports <= 5
    before = reports
    breaker.answered(UNREACHABLE, probe=breaker.begin())
    await workers.look()
    assert reports == before + 1, "a fault is news"
