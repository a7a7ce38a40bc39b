"""The sweeper: what is due wakes, and what seems lost is published again; the claim decides again."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import Ended, OutboxKey, OutboxKind, Patience, Reason, SweepReport
from angarium.notifications.sweeper import Sweeper
from angarium.platform.database.types import to_microseconds
from tests.conformance.store.backends import (
    AT_MOST_ONCE,
    LEASE,
    OUTBOX_LEASE,
    SECOND,
    TENANT,
    Backend,
    notification,
    result,
)
from tests.support.runtime import a_runtime

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOTHING = SweepReport()


async def _now(backend: Backend) -> datetime:
    return backend.clock.now() if backend.url.startswith("sqlite") else datetime.now(UTC)


async def test_rows_that_are_not_overdue_are_not_swept(backend: Backend) -> None:
    await backend.accepted()
    await backend.claimed()
    await backend.ended(Status.RETRYING)
    await backend.ended(Status.SENT)
    assert await backend.store.sweep(100) == NOTHING
    await backend.pass_time(SECOND * 25)
    assert await backend.store.sweep(100) == NOTHING
    assert await backend.queued() == []


async def test_a_scheduled_one_is_released_when_it_is_due(backend: Backend) -> None:
    new = notification(send_at=await _now(backend) + HOUR)
    await backend.store.accept([new], outbox_lease=OUTBOX_LEASE)
    await backend.pass_time(HOUR - MINUTE)
    assert await backend.store.sweep(100) == NOTHING
    await backend.pass_time(2 * MINUTE)
    assert await backend.store.sweep(100) == SweepReport(released=1)
    assert await backend.store.sweep(100) == NOTHING
    assert await backend.status(new.id) is Status.PENDING
    assert await backend.queued() == [new.id]
    assert await backend.timeline(new.id) == ["accepted", "scheduled", "published"]
    await backend.claim(new.id)


async def test_one_deferred_by_its_worker_is_released_too(backend: Backend) -> None:
    claim = await backend.claimed()
    deferred = result(claim, Status.SCHEDULED, wait=HOUR, burns_attempt=False, reason=Reason("quiet_hours", "…"))
    await backend.store.record([deferred])
    await backend.pass_time(HOUR + SECOND)
    assert await backend.store.sweep(100) == SweepReport(released=1)
    view = await backend.reader.get(TENANT, claim.id)
    assert view is not None
    assert (view.status, view.reason, view.attempts) == (Status.PENDING, None, 0)


async def test_a_scheduled_one_whose_time_has_passed_expires(backend: Backend) -> None:
    due = await _now(backend) + HOUR
    new = notification(send_at=due, expires_at=due + MINUTE)
    await backend.store.accept([new], outbox_lease=OUTBOX_LEASE)
    await backend.pass_time(2 * HOUR)
    report = await backend.store.sweep(100)
    assert (report, list(report.ended)) == (SweepReport(expired=1), [Ended(new.id, Channel.EMAIL, Status.EXPIRED)])
    view = await backend.reader.get(TENANT, new.id)
    assert view is not None
    assert view.status is Status.EXPIRED
    assert view.reason is not None
    assert view.reason.code == "expired"
    assert (await backend.timeline(new.id))[-1] == "expired"
    assert await backend.store.outbox_pending() == 0
    assert await backend.store.sweep(100) == NOTHING


async def test_an_unclaimed_pending_notification_is_republished_with_backoff(backend: Backend) -> None:
    identifier = await backend.accepted()
    await backend.pass_time(11 * MINUTE)
    assert await backend.store.sweep(100) == SweepReport(requeued=1)
    assert await backend.queued() == [identifier]
    assert await backend.timeline(identifier) == ["accepted", "published"]
    assert await backend.status(identifier) is Status.PENDING
    await backend.query("DELETE FROM outbox")
    for minutes, report in ((10, NOTHING), (2, SweepReport(requeued=1)), (20, NOTHING), (4, SweepReport(requeued=1))):
        await backend.pass_time(minutes * MINUTE)
        assert await backend.store.sweep(100) == report
        await backend.query("DELETE FROM outbox")
    await backend.claim(identifier)


async def test_what_waits_in_the_outbox_is_not_lost(backend: Backend) -> None:
    new = notification()
    await backend.store.accept([new], outbox_lease=OUTBOX_LEASE)
    await backend.pass_time(11 * MINUTE)
    assert await backend.store.sweep(100) == SweepReport(left=1)
    assert await backend.timeline(new.id) == ["accepted"]


async def test_an_unclaimed_retry_is_republished(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.store.record([result(claim, Status.RETRYING, wait=timedelta(seconds=8))])
    await backend.pass_time(timedelta(seconds=66))
    assert await backend.store.sweep(100) == NOTHING
    await backend.pass_time(timedelta(seconds=5))
    assert await backend.store.sweep(100) == SweepReport(requeued=1)
    assert await backend.queued() == [claim.id]
    assert await backend.status(claim.id) is Status.RETRYING
    await backend.claim(claim.id)


async def test_an_unclaimed_release_is_republished(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.store.record([result(claim, Status.PENDING, wait=timedelta(seconds=30), burns_attempt=False)])
    await backend.pass_time(timedelta(seconds=85))
    assert await backend.store.sweep(100) == NOTHING
    await backend.pass_time(timedelta(seconds=6))
    assert await backend.store.sweep(100) == SweepReport(requeued=1)


async def test_a_send_whose_worker_died_is_published_again(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.pass_time(LEASE + timedelta(seconds=29))
    assert await backend.store.sweep(100) == NOTHING
    await backend.pass_time(2 * SECOND)
    assert await backend.store.sweep(100) == SweepReport(requeued=1)
    assert await backend.status(claim.id) is Status.SENDING
    assert await backend.queued() == [claim.id]
    [again] = await backend.claim(claim.id)
    assert again.attempt == 2


async def test_a_send_with_a_live_worker_is_not_swept(backend: Backend) -> None:
    claim = await backend.claimed()
    for _ in range(6):
        await backend.pass_time(LEASE / 2)
        assert (await backend.store.renew([(claim.id, claim.claim_token)], lease=LEASE)).prolonged
        assert await backend.store.sweep(100) in (NOTHING, SweepReport(left=1))
    await backend.pass_time(LEASE + timedelta(seconds=31))
    assert await backend.store.sweep(100) == SweepReport(requeued=1)


async def test_at_most_once_whose_worker_died_is_unknown(backend: Backend) -> None:
    claim = await backend.claimed(policy=AT_MOST_ONCE)
    await backend.pass_time(LEASE + timedelta(seconds=31))
    report = await backend.store.sweep(100)
    assert (report, list(report.ended)) == (SweepReport(unknown=1), [Ended(claim.id, Channel.EMAIL, Status.UNKNOWN)])
    view = await backend.reader.get(TENANT, claim.id)
    assert view is not None
    assert view.status is Status.UNKNOWN
    assert view.reason is not None
    assert await backend.store.outbox_pending() == 0
    assert await backend.store.record([result(claim, Status.SENT)]) == [False]
    assert await backend.store.sweep(100) == NOTHING


async def test_no_more_than_asked_and_nothing_twice(backend: Backend) -> None:
    ids = await backend.accept(*(notification() for _ in range(100)))
    await backend.pass_time(11 * MINUTE)
    stores = [backend.open() for _ in range(4)]
    reports = await asyncio.gather(*(store.sweep(20) for store in stores))
    assert all(report.requeued <= 20 for report in reports)
    requeued = sum(report.requeued for report in reports)
    while report := (await backend.store.sweep(30)).requeued:
        requeued += report
    assert requeued == 100
    assert sorted(await backend.queued()) == sorted(ids)
    [row] = await backend.query("SELECT count(*) AS claimed FROM notifications WHERE attempts > 0")
    assert row["claimed"] == 0


async def test_a_broker_that_starts_empty_gets_everything_unfinished(backend: Backend) -> None:
    unfinished = [await backend.accepted(), (await backend.claimed()).id, await backend.ended(Status.RETRYING)]
    leased = notification()
    await backend.store.accept([leased], outbox_lease=HOUR)
    for status in (Status.SENT, Status.FAILED, Status.SCHEDULED, Status.SKIPPED):
        await backend.ended(status)
    assert await backend.store.requeue_unfinished() == 4
    assert sorted(await backend.queued()) == sorted([*unfinished, leased.id])
    assert await backend.store.requeue_unfinished() == 4


async def test_only_what_became_due_within_the_given_time_is_swept(backend: Backend) -> None:
    old, young = await backend.accepted(), await backend.accepted()
    await backend.query("UPDATE notifications SET sweep_at = :at WHERE id = :id", id=old, at=await _raw(backend, -HOUR))
    await backend.query(
        "UPDATE notifications SET sweep_at = :at WHERE id = :id", id=young, at=await _raw(backend, -MINUTE)
    )
    assert await backend.store.sweep(100, back=2 * MINUTE) == SweepReport(requeued=1)
    assert await backend.queued() == [young]
    assert await backend.store.sweep(100) == SweepReport(requeued=1)


@pytest.mark.fault(48)
async def test_what_may_still_wait_in_a_long_queue_gets_no_second_copy(backend: Backend) -> None:
    identifier = await backend.accepted()
    urgent = await backend.accepted(priority=9)
    claim = await backend.claimed()
    await backend.store.record([result(claim, Status.RETRYING, wait=11 * MINUTE)])
    long = Patience(lanes={"email": 30 * MINUTE})
    await backend.pass_time(13 * MINUTE)
    assert await backend.store.sweep(100, patience=long) == SweepReport(requeued=1, left=2)
    assert await backend.queued() == [urgent]
    assert await backend.store.sweep(100, patience=long) == NOTHING
    await backend.pass_time(30 * MINUTE)
    report = await backend.store.sweep(100, patience=Patience(lanes={"email": 20 * MINUTE}))
    assert report == SweepReport(requeued=2, left=1)
    assert set(await backend.queued()) == {identifier, urgent, claim.id}
    assert await backend.timeline(identifier) == ["accepted", "published"]


@pytest.mark.fault(48)
async def test_a_copy_that_may_still_wait_gets_no_further_copy(backend: Backend) -> None:
    identifier = await backend.accepted()
    await backend.pass_time(HOUR)
    hour = Patience(lanes={"email": HOUR})
    assert await backend.store.sweep(100, patience=hour) == SweepReport(requeued=1)
    await backend.store.confirm_outbox([OutboxKey(identifier, OutboxKind.WORK)])
    await backend.pass_time(HOUR + MINUTE)
    assert await backend.store.sweep(100, patience=Patience(lanes={"email": 2 * HOUR})) == SweepReport(left=1)
    await backend.pass_time(HOUR + 2 * MINUTE)
    nothing_waits = Patience(lanes={"email": timedelta(0)})
    assert (await backend.store.sweep(100, patience=nothing_waits)).requeued == 1


async def test_a_claim_whose_lease_ended_is_spared_where_its_result_may_come(backend: Backend) -> None:
    claim, at_most_once = await backend.claimed(), await backend.claimed(policy=AT_MOST_ONCE)
    await backend.pass_time(LEASE + 31 * SECOND)
    assert await backend.store.sweep(100, patience=Patience(claims=True)) == SweepReport(left=2)
    assert await backend.store.sweep(100) == NOTHING, "it is looked at again after the grace of a lease"
    assert await backend.store.record([result(claim, Status.SENT)]) == [True]
    await backend.pass_time(31 * SECOND)
    assert await backend.store.sweep(100) == SweepReport(unknown=1)
    assert await backend.status(at_most_once.id) is Status.UNKNOWN


async def _raw(backend: Backend, ago: timedelta) -> Any:
    moment = await _now(backend) + ago
    return to_microseconds(moment) if backend.url.startswith("sqlite") else moment


async def test_a_sweeper_goes_on_at_once_after_a_batch_that_was_full_of_what_may_stay(backend: Backend) -> None:
    await backend.store.accept([notification() for _ in range(501)], outbox_lease=OUTBOX_LEASE)
    await backend.pass_time(11 * MINUTE)
    sweeper = Sweeper(store=backend.store, runtime=a_runtime(clock=backend.clock))
    assert await sweeper.once()
    assert not await sweeper.once()
    assert await backend.store.sweep(100) == NOTHING
