"""The wait for a permit: no attempt, ended by a stop, and followed by a last check of lease and preferences."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from angarium.contracts.errors import Transient
from angarium.contracts.notifications import NotificationView
from angarium.contracts.users import Preferences
from angarium.delivery import preparation
from angarium.delivery.breakers.local import LocalBreaker
from angarium.delivery.leases import LEASE, MARGIN, LeaseKeeper
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Retry, Sent
from angarium.delivery.permits import WaitCut, Waiting
from angarium.delivery.provider import Address, Busy, ImmediatePermit, NoPermit, Outbound
from angarium.delivery.routing import PAUSE, Route, Router
from angarium.notifications.model import LeaseOf, Renewed
from tests.support.clock import ManualClock
from tests.support.delivering import Bench, ScriptedProvider, delivering
from tests.support.mailbox_gateway import quiet_logger
from tests.support.wait import until


async def view_of(bench: Bench, notification_id: UUID) -> NotificationView:
    view = await bench.reader.get("default", notification_id)
    assert view is not None
    return view


async def events_of(bench: Bench, notification_id: UUID) -> list[str]:
    events = await bench.reader.events("default", notification_id)
    assert events is not None
    return [event["event"] for event in events]


@pytest.fixture
def stale_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer of the directory is old by the time of the send."""
    monkeypatch.setattr(preparation, "FRESH", 0.0)


async def test_waiting_for_a_permit_is_no_attempt(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.pool = asyncio.Semaphore(1)
        made = await bench.accept(10)
        for notification_id in made:
            await bench.ends_as(notification_id, "sent")
            assert (await view_of(bench, notification_id)).attempts == 1
        assert set(Counter(o.notification_id for o in bench.provider.received).values()) == {1}


async def test_what_expires_while_it_waits_for_a_permit_ends_then(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.pool = asyncio.Semaphore(0)
        soon, never = datetime.now(UTC) + timedelta(milliseconds=300), None
        [code], [other] = await bench.accept(expires_at=soon), await bench.accept(expires_at=never)
        await bench.ends_as(code, "expired")
        view = await view_of(bench, code)
        assert (view.attempts, view.reason and view.reason.code) == (0, "expired")
        bench.provider.pool.release()
        await bench.ends_as(other, "sent")
        assert [one.notification_id for one in bench.provider.received] == [other]


async def test_what_finds_its_host_busy_waits_and_uses_no_attempt(tmp_path: Path) -> None:
    busy = iter([timedelta(milliseconds=10)] * 3)

    def script(_message: Outbound) -> Outcome:
        for wait in busy:
            raise Busy(wait)
        return Sent("200", "id")

    async with delivering(tmp_path) as bench:
        bench.provider.script = script
        [notification_id] = await bench.accept()
        await bench.ends_as(notification_id, "sent")
        assert (await view_of(bench, notification_id)).attempts == 1
        assert [event for event in await events_of(bench, notification_id) if event == "attempt"] == ["attempt"]
        assert len(bench.provider.received) == 4
        assert {message.attempt for message in bench.provider.received} == {1}


async def test_a_message_carries_what_its_sender_gave(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        [notification_id] = await bench.accept(metadata='{"order": 42}')
        await bench.ends_as(notification_id, "sent")
    [message] = bench.provider.received
    assert (message.template_code, message.variables) == ("welcome", {"name": "Ann"})
    assert json.loads(message.metadata) == {"order": 42}


async def test_a_stop_puts_off_at_once_what_waits(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.pool = asyncio.Semaphore(0)
        made = await bench.accept(5)
        await until(lambda: bench.provider.waiting == 5)
        start = time.monotonic()
        bench.stop.set()
        await bench.running
        assert time.monotonic() - start < 5
        assert not bench.provider.received
        for notification_id in made:
            view = await view_of(bench, notification_id)
            assert (view.status, view.attempts, view.reason) == ("pending", 0, None)
            assert await events_of(bench, notification_id) == ["accepted", "claimed"]


async def test_a_stop_lets_the_one_with_a_permit_finish(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.pool, bench.provider.gate = asyncio.Semaphore(1), asyncio.Event()
        made = await bench.accept(3)
        await until(lambda: len(bench.provider.received) == 1 and bench.provider.waiting == 2)
        bench.stop.set()
        await until(lambda: bench.provider.waiting == 0)
        bench.provider.gate.set()
        await bench.running
        statuses = Counter([await bench.status(notification_id) for notification_id in made])
        assert statuses == {"sent": 1, "pending": 2}


async def test_a_provider_that_is_closed_puts_off_without_an_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with delivering(tmp_path) as bench:
        asked = 0

        def closed(message: Outbound) -> ImmediatePermit:
            nonlocal asked
            asked += 1
            raise NoPermit

        monkeypatch.setattr(bench.provider, "acquire", closed)
        [made] = await bench.accept()
        await until(lambda: asked >= 1)
        monkeypatch.undo()
        await bench.ends_as(made, "sent")
        assert [o.attempt for o in bench.provider.received] == [1]
        assert (await events_of(bench, made)).count("attempt") == 1


async def test_a_provider_that_breaks_before_the_permit_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with delivering(tmp_path) as bench:
        acquire, asked = bench.provider.acquire, 0

        def breaking(message: Outbound) -> object:
            nonlocal asked
            asked += 1
            if asked == 1:
                raise RuntimeError("a provider's bug")
            return acquire(message)

        monkeypatch.setattr(bench.provider, "acquire", breaking)
        [made] = await bench.accept()
        await bench.ends_as(made, "sent")
        events = await bench.reader.events("default", made) or []
        assert [event["outcome"] for event in events if event["event"] == "attempt"] == ["retry", "sent"]


@pytest.mark.usefixtures("stale_at_once")
@pytest.mark.fault(66)
async def test_who_opts_out_during_the_wait_gets_nothing(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        user_id = uuid4()
        bench.directory.add_user(user_id)
        bench.provider.pool = asyncio.Semaphore(0)
        [made] = await bench.accept(recipient=None, user_id=str(user_id))
        await until(lambda: bench.provider.waiting == 1)
        bench.directory.add_user(user_id, preferences=Preferences(email=False))
        bench.provider.pool.release()
        await bench.ends_as(made, "skipped")
        view = await view_of(bench, made)
        assert view.reason is not None
        assert (view.reason.code, view.attempts) == ("opted_out", 0)
        assert not bench.provider.received


@pytest.mark.usefixtures("stale_at_once")
@pytest.mark.fault(66)
async def test_a_user_deleted_during_the_wait_gets_nothing(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        user_id = uuid4()
        bench.directory.add_user(user_id)
        bench.provider.pool = asyncio.Semaphore(0)
        [made] = await bench.accept(recipient=None, user_id=str(user_id))
        await until(lambda: bench.provider.waiting == 1)
        bench.directory.users.clear()
        bench.provider.pool.release()
        await bench.ends_as(made, "skipped")
        assert not bench.provider.received


@pytest.mark.usefixtures("stale_at_once")
async def test_an_address_changed_during_the_wait_is_the_one_that_counts(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        user_id = uuid4()
        bench.directory.add_user(user_id)
        bench.provider.pool = asyncio.Semaphore(0)
        [made] = await bench.accept(recipient=None, user_id=str(user_id))
        await until(lambda: bench.provider.waiting == 1)
        bench.directory.add_user(user_id, email="new@example.com")
        bench.provider.pool.release()
        await bench.ends_as(made, "sent")
        assert [o.address.value for o in bench.provider.received] == ["new@example.com"]
        assert (await view_of(bench, made)).attempts == 1


@pytest.mark.usefixtures("stale_at_once")
async def test_a_directory_that_is_away_after_the_wait_costs_no_attempt(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        user_id = uuid4()
        bench.directory.add_user(user_id)
        bench.provider.pool = asyncio.Semaphore(0)
        [made] = await bench.accept(recipient=None, user_id=str(user_id))
        await until(lambda: bench.provider.waiting == 1)
        bench.directory.down = True
        bench.provider.pool.release()

        async def given_back() -> bool:
            return await bench.status(made) == "pending"

        await until(given_back)
        assert not bench.provider.received
        bench.directory.down = False
        await bench.ends_as(made, "sent")
        assert [o.attempt for o in bench.provider.received] == [1]


@pytest.mark.usefixtures("stale_at_once")
async def test_what_expires_during_the_wait_is_not_sent(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.pool = asyncio.Semaphore(0)
        expires_at = datetime.now(UTC) + timedelta(seconds=0.5)
        [made] = await bench.accept(expires_at=expires_at)
        await until(lambda: bench.provider.waiting == 1)
        await until(lambda: datetime.now(UTC) > expires_at)
        bench.provider.pool.release()
        await bench.ends_as(made, "expired")
        assert not bench.provider.received


async def test_a_send_that_did_not_wait_is_not_looked_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with delivering(tmp_path) as bench:
        user_id = uuid4()
        bench.directory.add_user(user_id)
        current, asked = bench.directory.current, 0

        async def counted(tenant: str, user_ids: list[UUID]) -> object:
            nonlocal asked
            asked += 1
            return await current(tenant, user_ids)

        monkeypatch.setattr(bench.directory, "current", counted)
        [made] = await bench.accept(recipient=None, user_id=str(user_id))
        await bench.ends_as(made, "sent")
        assert asked == 1


async def test_without_a_valid_lease_nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with delivering(tmp_path) as bench:
        checks = 0

        def over(keeper: LeaseKeeper, token: UUID, notification_id: UUID) -> bool:
            nonlocal checks
            checks += 1
            return checks > 1

        monkeypatch.setattr(LeaseKeeper, "is_valid", over)
        [made] = await bench.accept()
        await bench.ends_as(made, "sent")
        assert checks == 2
        assert [o.attempt for o in bench.provider.received] == [1]


class Leases:
    """A store whose `renew` succeeds for the given leases only."""

    def __init__(self) -> None:
        self.kept: set[UUID] | None = None
        self.locked: set[LeaseOf] = set()
        self.away = False

    async def renew(self, leases: Sequence[LeaseOf], *, lease: timedelta) -> Renewed:
        if self.away:
            raise Transient
        prolonged = {held for held in leases if self.kept is None or held[0] in self.kept}
        return Renewed(prolonged - self.locked, set(leases) - prolonged - self.locked)


async def test_a_lease_is_valid_for_as_long_as_it_is_renewed() -> None:
    clock, store = ManualClock(), Leases()
    keeper = LeaseKeeper(store=store, clock=clock, logger=quiet_logger())  # type: ignore[arg-type]  # only `renew` is used
    token, one, two = uuid4(), uuid4(), uuid4()
    assert not keeper.is_valid(token, one)
    keeper.hold(token, [one, two], since=clock.monotonic())
    valid = (LEASE - MARGIN).total_seconds()
    await clock.advance(valid - 0.1)
    assert keeper.is_valid(token, one)
    await keeper.renew()
    await clock.advance(valid - 0.1)
    assert keeper.is_valid(token, one)
    store.away = True
    await keeper.renew()
    await clock.advance(0.2)
    assert not keeper.is_valid(token, one)
    store.away, store.kept = False, {two}
    await keeper.renew()
    assert (keeper.is_valid(token, one), keeper.is_valid(token, two)) == (False, True)
    keeper.let_go(token, two)
    assert not keeper.is_valid(token, two)


async def test_a_lease_whose_row_is_locked_is_valid_until_its_own_end() -> None:
    clock, store = ManualClock(), Leases()
    keeper = LeaseKeeper(store=store, clock=clock, logger=quiet_logger())  # type: ignore[arg-type]  # only `renew` is used
    token, one, two = uuid4(), uuid4(), uuid4()
    keeper.hold(token, [one, two])
    store.locked = {(one, token)}
    await clock.advance((LEASE - MARGIN).total_seconds())
    await keeper.renew()
    assert (keeper.is_valid(token, one), keeper.is_valid(token, two)) == (True, True)
    await clock.advance(0.1)
    assert (keeper.is_valid(token, one), keeper.is_valid(token, two)) == (False, True)
    store.locked = set()
    await keeper.renew()
    assert keeper.is_valid(token, one)


async def test_all_leases_are_renewed_in_one_step() -> None:
    clock, store = ManualClock(), Leases()
    steps: list[int] = []
    renew = store.renew

    async def counted(leases: Sequence[LeaseOf], *, lease: timedelta) -> Renewed:
        steps.append(len(leases))
        return await renew(leases, lease=lease)

    store.renew = counted  # type: ignore[method-assign]
    keeper = LeaseKeeper(store=store, clock=clock, logger=quiet_logger())  # type: ignore[arg-type]  # only `renew` is used
    for _ in range(1_500):
        keeper.hold(uuid4(), [uuid4()])
    await keeper.renew()
    assert steps == [1_000, 500]


async def test_a_lease_counts_from_the_claim_not_from_its_answer() -> None:
    clock = ManualClock()
    keeper = LeaseKeeper(store=Leases(), clock=clock, logger=quiet_logger())  # type: ignore[arg-type]  # as above
    token, one, asked = uuid4(), uuid4(), clock.monotonic()
    await clock.advance(LEASE.total_seconds())
    keeper.hold(token, [one], since=asked)
    assert not keeper.is_valid(token, one)


@pytest.mark.parametrize("answers", [["ambiguous"], ["ambiguous", "ambiguous"], ["retry", "ambiguous"]])
async def test_after_a_lost_answer_the_same_provider_is_asked(tmp_path: Path, answers: list[str]) -> None:
    asked: list[str] = []

    def provider(name: str) -> ScriptedProvider:
        def script(message: Outbound) -> Outcome:
            asked.append(name)
            word = answers[message.attempt - 1] if message.attempt <= len(answers) else "sent"
            outcomes: dict[str, Outcome] = {"ambiguous": Ambiguous("gone"), "retry": Retry("later"), "sent": Sent("ok")}
            return outcomes[word]

        return ScriptedProvider(script, name)

    async with delivering(tmp_path, others=[provider("b")]) as bench:
        first = provider("a")
        bench.provider.script, bench.provider.name = first.script, "a"
        router_name = "a" if answers[0] == "ambiguous" else "b"
        [made] = await bench.accept()
        await bench.ends_as(made, "sent")
        expected = {"a": ["a"] * (len(answers) + 1), "b": ["a", "b", "b"]}[router_name]
        assert asked == expected


def test_a_paused_provider_in_doubt_is_waited_for() -> None:
    clock = ManualClock()
    one, two, three = (
        Route(provider=ScriptedProvider(), name=name, breaker=LocalBreaker(clock)) for name in ("smtp", "smtp-2", "ses")
    )
    router = Router([one, two, three], clock)
    to, key = Address("ann@example.com"), uuid4()
    assert router.choose(1, to, key=key) is one
    assert router.choose(1, to, key=key, only="smtp-2") is two
    assert router.choose(1, to, key=key, only="no longer configured") is one
    two.breaker.answered(Configuration("535 no"), probe=False)
    assert router.choose(1, to, key=key, only="smtp-2") is None
    assert router.choose(2, to, key=key) is three


async def test_a_pause_after_a_lost_answer_sends_to_no_other(tmp_path: Path) -> None:
    other = ScriptedProvider(name="other")
    async with delivering(tmp_path, others=[other]) as bench:
        bench.provider.script = lambda o: Ambiguous("gone") if o.attempt == 1 else Configuration("535 no")
        [made] = await bench.accept()
        await until(lambda: len(bench.provider.received) == 2)

        async def given_back() -> bool:
            view = await view_of(bench, made)
            return (view.status, view.attempts) == ("pending", 1)

        await until(given_back)
        assert not other.received
        due = await bench.store.claim([made], token=uuid4(), lease=LEASE, worker="w2")
        assert timedelta(0) < due[0].wait <= PAUSE  # type: ignore[union-attr]  # it is a NotNow


class Door:
    """A permit behind an event."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.entered = 0

    async def __aenter__(self) -> str:
        await self.open.wait()
        self.entered += 1
        return "in"

    async def __aexit__(self, *_: object) -> None:
        return None


async def test_a_cut_wait_raises_and_leaves_the_task_uncancelled() -> None:
    waiting, door = Waiting(), Door()

    async def wait() -> int:
        with pytest.raises(WaitCut):
            await waiting.entered(door)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    with waiting.cut():
        assert await task == 0
    assert door.entered == 0


async def test_a_wait_that_begins_after_the_cut_ends_at_once_and_an_open_door_is_taken() -> None:
    waiting, closed, opened = Waiting(), Door(), Door()
    opened.open.set()
    with waiting.cut():
        with pytest.raises(WaitCut):
            await waiting.entered(closed)
        assert await waiting.entered(opened) == "in"
    task = asyncio.create_task(waiting.entered(closed))
    await asyncio.sleep(0)
    closed.open.set()
    assert await task == "in"


async def test_a_cancellation_from_outside_stays_one_during_a_cut() -> None:
    waiting, door = Waiting(), Door()
    task = asyncio.create_task(waiting.entered(door))
    await asyncio.sleep(0)
    task.cancel()
    with waiting.cut(), pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
