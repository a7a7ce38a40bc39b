"""The claim: one worker at a time, each attempt on record before it is made."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from angarium.contracts.statuses import Status
from angarium.notifications.model import Claimed, Event, NothingToDo, NotNow, Renewed
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.schema import notifications
from tests.conformance.store.backends import AT_MOST_ONCE, LEASE, SECOND, TENANT, Backend, notification, result


async def test_claiming_a_pending_notification_returns_its_fields(backend: Backend) -> None:
    new = notification(recipient='{"email":"a@b.test"}', category="news", traceparent="00-1-2-01")
    await backend.accept(new)
    token = uuid4()
    [claim] = await backend.store.claim([new.id], token=token, lease=LEASE, worker="w7")
    assert isinstance(claim, Claimed)
    assert (claim.id, claim.claim_token, claim.attempt) == (new.id, token, 1)
    assert (claim.tenant, claim.request_id, claim.channel) == (TENANT, new.request_id, new.channel)
    assert (claim.user_id, claim.recipient, claim.variables) == ("u-1", {"email": "a@b.test"}, {"name": "John"})
    assert (claim.template_code, claim.template_version, claim.locale) == ("welcome", 3, "en")
    assert (claim.category, claim.priority, claim.policy) == ("news", 5, new.policy)
    assert (claim.correlation_id, claim.traceparent) == (new.correlation_id, new.traceparent)
    assert (claim.expired, claim.expires_at, claim.provider) == (False, None, None)
    assert await backend.status(new.id) is Status.SENDING
    events = await backend.reader.events(TENANT, new.id) or []
    assert (events[-1]["event"], events[-1]["attempt"], events[-1]["worker"]) == ("claimed", 1, "w7")


async def test_no_ids_no_verdicts(backend: Backend) -> None:
    assert list(await backend.store.claim([], token=uuid4(), lease=LEASE, worker="w1")) == []


async def test_a_claim_during_a_valid_lease_is_not_now(backend: Backend) -> None:
    claim = await backend.claimed()
    [verdict] = await backend.store.claim([claim.id], token=uuid4(), lease=LEASE, worker="w2")
    assert isinstance(verdict, NotNow)
    assert timedelta(0) < verdict.wait <= LEASE
    assert await backend.timeline(claim.id) == ["accepted", "claimed"]


async def test_after_its_lease_another_takes_over(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.pass_time(LEASE + SECOND)
    [again] = await backend.claim(claim.id)
    assert again.attempt == 2
    assert await backend.timeline(claim.id) == ["accepted", "claimed", "claimed"]


async def test_at_most_once_is_given_up_as_unknown(backend: Backend) -> None:
    claim = await backend.claimed(policy=AT_MOST_ONCE)
    [early] = await backend.store.claim([claim.id], token=uuid4(), lease=LEASE, worker="w2")
    assert isinstance(early, NotNow)
    await backend.pass_time(LEASE + SECOND)
    for _ in range(2):
        [verdict] = await backend.store.claim([claim.id], token=uuid4(), lease=LEASE, worker="w2")
        assert verdict == NothingToDo(claim.id, Status.UNKNOWN)
    view = await backend.reader.get(TENANT, claim.id)
    assert view is not None
    assert (view.status, view.attempts) == (Status.UNKNOWN, 1)
    assert view.reason is not None
    assert await backend.timeline(claim.id) == ["accepted", "claimed", "unknown"]


async def test_a_claim_whose_answer_was_lost_can_be_repeated_with_its_token(backend: Backend) -> None:
    identifier = await backend.accepted()
    token = uuid4()
    for _ in range(2):
        [claim] = await backend.store.claim([identifier], token=token, lease=LEASE, worker="w1")
        assert isinstance(claim, Claimed)
        assert claim.attempt == 1
    assert await backend.timeline(identifier) == ["accepted", "claimed"]


async def test_a_retry_is_claimed_when_it_is_due_and_not_before(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.store.record([result(claim, Status.RETRYING, wait=timedelta(seconds=8), provider="smtp")])
    [early] = await backend.store.claim([claim.id], token=uuid4(), lease=LEASE, worker="w1")
    assert isinstance(early, NotNow)
    assert timedelta(0) < early.wait <= timedelta(seconds=8)
    await backend.pass_time(timedelta(seconds=9))
    [again] = await backend.claim(claim.id)
    assert (again.attempt, again.provider) == (2, "smtp")


async def test_one_given_back_is_claimed_when_it_is_due(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.store.record([result(claim, Status.PENDING, wait=timedelta(seconds=30), burns_attempt=False)])
    [early] = await backend.store.claim([claim.id], token=uuid4(), lease=LEASE, worker="w1")
    assert isinstance(early, NotNow)
    await backend.pass_time(timedelta(seconds=31))
    [again] = await backend.claim(claim.id)
    assert again.attempt == 1


@pytest.mark.parametrize("status", [Status.SENT, Status.SKIPPED, Status.EXPIRED, Status.UNKNOWN, Status.FAILED])
async def test_with_what_has_ended_there_is_nothing_to_do(backend: Backend, status: Status) -> None:
    identifier = await backend.ended(status)
    verdicts = await backend.store.claim([identifier], token=uuid4(), lease=LEASE, worker="w1")
    assert verdicts == [NothingToDo(identifier, status)]


async def test_what_waits_in_the_record_alone_is_nothing_to_do(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.store.record([result(claim, Status.SCHEDULED, wait=timedelta(hours=8), burns_attempt=False)])
    verdicts = await backend.store.claim([claim.id], token=uuid4(), lease=LEASE, worker="w1")
    assert verdicts == [NothingToDo(claim.id, Status.SCHEDULED)]


async def test_what_is_not_there_has_no_status(backend: Backend) -> None:
    stranger = uuid4()
    assert await backend.store.claim([stranger], token=uuid4(), lease=LEASE, worker="w1") == [
        NothingToDo(stranger, None)
    ]


async def test_each_of_a_mixed_batch_has_its_verdict(backend: Backend) -> None:
    ready, done, held = await backend.accepted(), await backend.ended(Status.SENT), (await backend.claimed()).id
    stranger = uuid4()
    verdicts = await backend.store.claim([held, ready, stranger, done], token=uuid4(), lease=LEASE, worker="w1")
    kinds = {verdict.id: type(verdict) for verdict in verdicts}
    assert kinds == {ready: Claimed, done: NothingToDo, held: NotNow, stranger: NothingToDo}


async def test_the_claim_says_that_its_time_has_passed(backend: Backend) -> None:
    now = backend.clock.now()
    if not backend.url.startswith("sqlite"):
        [row] = await backend.query("SELECT now() AS now")
        now = row["now"]
    identifier = await backend.accepted(expires_at=now + timedelta(seconds=5))
    await backend.pass_time(timedelta(seconds=6))
    [claim] = await backend.claim(identifier)
    assert claim.expired
    assert claim.expires_at is not None


async def test_two_workers_claim_each_once(backend: Backend) -> None:
    ids = await backend.accept(*(notification() for _ in range(500)))
    first, second = backend.open(), backend.open()

    async def work(store: NotificationStore, wanted: list[UUID]) -> list[UUID]:
        taken: list[UUID] = []
        for start in range(0, 500, 50):
            batch = wanted[start : start + 50]
            verdicts = await store.claim(batch, token=uuid4(), lease=LEASE, worker="w")
            taken += [verdict.id for verdict in verdicts if isinstance(verdict, Claimed)]
        return taken

    parts = await asyncio.gather(work(first, ids), work(second, ids[::-1]), work(second, ids))
    assert sorted(identifier for part in parts for identifier in part) == sorted(ids)
    [row] = await backend.query("SELECT min(attempts) AS least, max(attempts) AS most FROM notifications")
    assert (row["least"], row["most"]) == (1, 1)


async def test_a_lease_is_prolonged_by_its_token_alone(backend: Backend) -> None:
    [mine] = await backend.claim(await backend.accepted())
    [other] = await backend.claim(await backend.accepted())
    await backend.pass_time(LEASE - SECOND)
    held, token = (mine.id, mine.claim_token), mine.claim_token
    renewed = await backend.store.renew([held, (other.id, token), (uuid4(), token)], lease=LEASE)
    assert list(renewed.prolonged) == [held]
    assert len(renewed.lost) == 2
    await backend.pass_time(2 * SECOND)
    verdicts = await backend.store.claim([mine.id, other.id], token=uuid4(), lease=LEASE, worker="w2")
    assert {verdict.id: type(verdict) for verdict in verdicts} == {mine.id: NotNow, other.id: Claimed}


async def test_a_lease_that_was_taken_over_is_not_renewed(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.pass_time(LEASE + SECOND)
    await backend.claim(claim.id)
    held = (claim.id, claim.claim_token)
    assert await backend.store.renew([held], lease=LEASE) == Renewed(set(), {held})


async def test_a_locked_row_lets_no_other_lease_end(backend: Backend) -> None:
    if backend.url.startswith("sqlite"):
        pytest.skip("one writer: nothing is locked but the whole database")
    claims = [await backend.claimed() for _ in range(3)]
    leases = [(claim.id, claim.claim_token) for claim in claims]
    async with backend.engine.begin() as operator:
        await operator.execute(select(notifications.c.id).where(notifications.c.id == claims[0].id).with_for_update())
        assert await backend.store.renew(leases, lease=LEASE) == Renewed(set(leases[1:]), set())
    assert await backend.store.renew(leases, lease=LEASE) == Renewed(set(leases), set())


def attempted(number: int, outcome: str) -> Event:
    data = {"attempt": number, "provider": "smtp", "outcome": outcome, "answer": "x", "duration_ms": 1}
    return Event("attempt", datetime.now(UTC), data)


@pytest.mark.parametrize(
    ("outcomes", "doubtful"),
    [
        ([["retry"]], False),
        ([["ambiguous"]], True),
        ([["ambiguous", "retry"]], True),
        ([["retry", "ambiguous"]], True),
        ([["ambiguous"], ["retry"]], False),
        ([["retry"], ["ambiguous"]], True),
    ],
)
async def test_a_claim_knows_whether_the_last_answer_was_lost(
    backend: Backend, outcomes: list[list[str]], doubtful: bool
) -> None:
    claim = await backend.claimed()
    assert not claim.doubtful
    for words in outcomes:
        events = tuple(attempted(claim.attempt, word) for word in words)
        retried = result(claim, Status.RETRYING, events=events, provider="smtp", wait=timedelta(0))
        assert list(await backend.store.record([retried])) == [True]
        [claim] = await backend.claim(claim.id)
    assert (claim.doubtful, claim.provider) == (doubtful, "smtp")


async def test_an_attempt_that_was_given_back_leaves_the_doubt(backend: Backend) -> None:
    claim = await backend.claimed()
    lost = result(claim, Status.RETRYING, events=(attempted(1, "ambiguous"),), provider="smtp", wait=timedelta(0))
    assert list(await backend.store.record([lost])) == [True]
    for _ in range(2):
        [claim] = await backend.claim(claim.id)
        assert (claim.attempt, claim.doubtful) == (2, True)
        refused = (attempted(2, "configuration"),)
        back = result(claim, Status.PENDING, events=refused, wait=timedelta(0), burns_attempt=False)
        assert list(await backend.store.record([back])) == [True]
