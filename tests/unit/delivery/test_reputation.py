"""A sender whose mail bounces sends no marketing until it is better; what people wait for goes on."""

from collections.abc import AsyncIterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest

from angarium.contracts.providers import SenderState, provider_id_of
from angarium.contracts.statuses import Channel
from angarium.delivery.breakers.breaker import Breaker
from angarium.delivery.breakers.keeper import IDLE_INTERVAL, BreakerKeeper, Kept
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.delivery.reputation import FIRST_HOLD, INTERVAL, LONGEST_HOLD, ReputationGuard, Sender, Watched
from angarium.notifications.providers.model import Configured
from angarium.notifications.providers.reputation import Limits, Totals
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.database.engine import open_engine
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.telemetry.logging import make_logger
from angarium.platform.telemetry.metrics import Metrics
from tests.support.clock import ManualClock
from tests.support.delivering import Bench, ScriptedProvider, delivering
from tests.support.migrated import upgraded
from tests.support.runtime import a_runtime
from tests.support.wait import until

ID = provider_id_of(Channel.EMAIL, "smtp")
TAKEN, BOUNCE = Sent("250 ok"), Permanent("550 5.1.1 unknown", suppress=True)
LIMITS = Limits(0.05, 0.001, 1000)
DAY = 24 * 3600


class Workers:
    """Several workers over one database, each moved by hand."""

    def __init__(self, store: ProviderStore, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.log = StringIO()
        self.metrics = Metrics()
        self.senders: list[Sender] = []
        self.keepers: list[BreakerKeeper] = []
        self.guards: list[ReputationGuard] = []

    def add(self) -> Sender:
        configured, sender = Configured(ID, Channel.EMAIL, "smtp", "smtp", 1, None, None), Sender()
        logger = make_logger("test", level="info", stream=self.log)
        runtime = a_runtime(clock=self.clock, metrics=self.metrics, logger=logger)
        worker = f"host:{len(self.guards)}"
        kept = [Kept(configured, Breaker(self.clock), sender)]
        self.keepers.append(BreakerKeeper(kept, store=self.store, worker=worker, runtime=runtime))
        watched = [Watched(configured, sender)]
        self.guards.append(ReputationGuard(watched, store=self.store.reputation, limits=LIMITS, runtime=runtime))
        self.senders.append(sender)
        return sender

    async def look(self, seconds: float = INTERVAL) -> None:
        for guard in self.guards:
            await guard.once()
        await self.clock.advance(max(seconds, IDLE_INTERVAL))
        for keeper in self.keepers:
            await keeper.once()

    def said(self, event: str) -> int:
        return self.log.getvalue().count(event)


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[Workers]:
    clock = ManualClock()
    engine = open_engine(f"sqlite:///{tmp_path / 'notifications.sqlite3'}")
    try:
        await upgraded(engine, MIGRATIONS)
        yield Workers(ProviderStore(engine, clock), clock)
    finally:
        await engine.dispose()


def answered(sender: Sender, taken: int, bounced: int = 0) -> None:
    for outcome, times in ((TAKEN, taken), (BOUNCE, bounced)):
        for _ in range(times):
            sender.answered(outcome)


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        (TAKEN, Totals(1)),
        (BOUNCE, Totals(1, 1)),
        (Permanent("21610 STOP", suppress=True, opted_out=True), Totals()),
        (Permanent("552 too large"), Totals()),
        (Retry("451 later"), Totals()),
        (Ambiguous("lost"), Totals()),
        (Configuration("535 no"), Totals()),
    ],
)
def test_what_counts_of_an_answer(outcome: Outcome, counted: Totals) -> None:
    sender = Sender()
    sender.answered(outcome)
    assert sender.counted == counted


async def test_workers_that_each_see_too_little_pause_together_and_say_so_once(workers: Workers) -> None:
    for _ in range(3):
        workers.add()
    await workers.look()
    for sender in workers.senders:
        answered(sender, 320, 20)
    await workers.look()
    await workers.look()
    assert [sender.paused for sender in workers.senders] == [True] * 3
    assert workers.said("sender.paused") == 1
    assert "60 of 1,020 sends in 24 h bounced (5.88%, limit 5%)" in workers.log.getvalue()
    await workers.look()
    shown = 'angarium_sender_paused{channel="email",provider="smtp"} 1.0'
    rate = 'angarium_sender_rate{channel="email",kind="bounce",provider="smtp"} 0.058'
    assert shown in workers.metrics.render().decode()
    assert rate in workers.metrics.render().decode()


async def test_complaints_that_are_reported_pause(workers: Workers) -> None:
    sender = workers.add()
    await workers.look()
    answered(sender, 1500)
    await workers.store.reputation.add({ID: Totals(complaints=2)})
    await workers.look()
    await workers.look()
    assert sender.paused


async def test_too_few_sends_say_nothing(workers: Workers) -> None:
    sender = workers.add()
    await workers.look()
    answered(sender, 0, 999)
    await workers.look()
    assert not sender.paused
    assert workers.said("sender.paused") == 0


async def test_a_pause_ends_by_itself_when_the_rates_are_well_below_the_limits_and_does_not_flap(
    workers: Workers,
) -> None:
    sender = workers.add()
    await workers.look()
    answered(sender, 950, 60)
    await workers.look()
    await workers.look()
    assert sender.paused
    answered(sender, 300)  # transactional ones: 4.6 % now
    for _ in range(5):
        await workers.look()
    assert sender.paused
    assert workers.said("sender.resumed") == 0
    answered(sender, 300)  # 3.7 %
    await workers.look()
    await workers.look()
    assert not sender.paused
    for _ in range(5):
        await workers.look()
    assert (workers.said("sender.paused"), workers.said("sender.resumed")) == (1, 1)


async def test_without_any_sends_a_pause_ends_after_a_day(workers: Workers) -> None:
    sender = workers.add()
    await workers.look()
    answered(sender, 950, 60)
    await workers.look()
    await workers.look(DAY - 3600)
    assert sender.paused
    await workers.look(3600)
    await workers.look()
    assert not sender.paused


async def test_an_operator_is_obeyed_within_the_interval(workers: Workers) -> None:
    sender = workers.add()
    await workers.look()
    answered(sender, 950, 60)
    await workers.look()
    await workers.store.reputation.force(ID, SenderState.ACTIVE)
    for _ in range(3):
        await workers.look()
        assert not sender.paused
    await workers.store.reputation.force(ID, None)
    for _ in range(3):
        await workers.look()
        assert not sender.paused, "what was counted before counts no more"
    await workers.store.reputation.force(ID, SenderState.PAUSED)
    for _ in range(3):
        await workers.look()
        assert sender.paused


async def test_counts_wait_while_the_database_is_away_and_are_written_at_the_end(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = workers.add()
    await workers.look()
    answered(sender, 10, 2)

    async def away(*_: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(workers.store.reputation, "add", away)
        with pytest.raises(DatabaseUnavailable):
            await workers.guards[0].once()
        await workers.guards[0].leave()
    assert workers.said("reputation.left_behind") == 1
    assert sender.counted == Totals(12, 2)
    await workers.guards[0].leave()
    assert sender.counted == Totals()
    assert await workers.store.reputation.totals([ID]) == {ID: Totals(12, 2)}


async def test_held_marketing_is_looked_at_less_often_the_longer_the_pause_lasts() -> None:
    clock, sender = ManualClock(), Sender()
    sender.apply(paused=True, now=clock.monotonic())
    assert sender.hold(clock) == FIRST_HOLD
    await clock.advance(400)
    sender.apply(paused=True, now=clock.monotonic())
    assert sender.hold(clock) == timedelta(seconds=100)
    await clock.advance(DAY)
    assert sender.hold(clock) == LONGEST_HOLD


def _pause(bench: Bench, *numbers: int) -> None:
    for number in numbers:
        bench.router.routes[number].sender.apply(paused=True, now=0.0)


async def _held(bench: Bench, made: object) -> list[dict[str, object]]:
    events = await bench.reader.events("default", made)  # type: ignore[arg-type]  # an id
    return [event for event in events or () if event["event"] == "held"]


async def test_marketing_of_a_paused_sender_waits_without_an_attempt_and_the_rest_goes_on(tmp_path: Path) -> None:
    log = StringIO()
    async with delivering(tmp_path, log=log, mandatory=frozenset({"security"})) as bench:
        _pause(bench, 0)
        [held] = await bench.accept(category="marketing")
        going = [
            *await bench.accept(category="security"),
            *await bench.accept(category="orders"),
            *await bench.accept(category="marketing", priority=9),
            *await bench.accept(),
        ]
        for made in going:
            await bench.ends_as(made, "sent")

        async def told() -> bool:
            return bool(await _held(bench, held))

        await until(told)
        view = await bench.reader.get("default", held)
        assert view is not None
        assert (view.status, view.attempts, len(bench.provider.received)) == ("pending", 0, len(going))
        [event] = await _held(bench, held)
        assert (event["reason"], event["provider"]) == ("sender_paused", "scripted")
        due = await bench.store.claim([held], token=bench.identifiers.new(), lease=timedelta(seconds=20), worker="w2")
        assert due[0].wait > timedelta(seconds=5)  # type: ignore[union-attr]  # it is a NotNow


async def test_marketing_goes_by_another_provider_whose_reputation_is_good(tmp_path: Path) -> None:
    other = ScriptedProvider(name="other")
    async with delivering(tmp_path, others=[other]) as bench:
        _pause(bench, 0)
        [marketing] = await bench.accept(category="marketing")
        await bench.ends_as(marketing, "sent")
        [plain] = await bench.accept()
        await bench.ends_as(plain, "sent")
        assert [one.notification_id for one in other.received] == [marketing]
        assert [one.notification_id for one in bench.provider.received] == [plain]
        _pause(bench, 1)
        [held] = await bench.accept(category="marketing")

        async def told() -> bool:
            return bool(await _held(bench, held))

        await until(told)
        assert len(other.received) == 1


async def test_while_the_other_breaker_is_open_it_waits_as_for_a_breaker(tmp_path: Path) -> None:
    other = ScriptedProvider(name="other")
    async with delivering(tmp_path, others=[other]) as bench:
        _pause(bench, 0)
        for _ in range(5):
            bench.router.routes[1].breaker.answered(Retry("cannot connect", unreachable=True), probe=False)
        [made] = await bench.accept(category="marketing")

        async def given_back() -> bool:
            events = await bench.reader.events("default", made)
            return events is not None and str(events[-1]["event"]) == "claimed"

        await until(given_back)
        await bench.ends_as(made, "pending")
        assert await _held(bench, made) == []
        assert bench.provider.received == []


async def test_answers_of_a_running_engine_are_counted_and_those_of_a_test_key_are_not(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.script = lambda message: BOUNCE if "bad" in message.address.value else TAKEN
        [good] = await bench.accept()
        [bad] = await bench.accept(recipient='{"email": "bad@example.com"}')
        [test] = await bench.accept(test=True)
        for made, status in ((good, "sent"), (bad, "failed"), (test, "sent")):
            await bench.ends_as(made, status)
        assert bench.router.routes[0].sender.counted == Totals(2, 1)
