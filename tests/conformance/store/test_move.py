"""Moves by hand: cancellations, receipts, an operator's decision."""

import asyncio
from uuid import UUID, uuid4

import pytest

from angarium.contracts.statuses import TRANSITIONS, Channel, Status
from angarium.notifications.model import Event, Reason
from tests.conformance.store.backends import LEASE, SECOND, TENANT, Backend, result

REACHED_BY_WORKERS = sorted(TRANSITIONS[Status.SENDING] - {Status.SENDING, Status.PENDING})
TARGETS = sorted(set(Status) - {Status.SENDING, Status.SCHEDULED, Status.RETRYING})


async def _in(backend: Backend, status: Status) -> UUID:
    if status is Status.PENDING:
        return await backend.accepted()
    if status is Status.SENDING:
        return (await backend.claimed()).id
    if status in REACHED_BY_WORKERS:
        return await backend.ended(status)
    before = Status.SENT if status is Status.DELIVERED else Status.PENDING
    identifier = await _in(backend, before)
    await _move(backend, identifier, status)
    assert await backend.status(identifier) is status
    return identifier


async def _move(backend: Backend, identifier: UUID, to: Status, *, tenant: str = TENANT) -> Status | None:
    event = Event(str(to), backend.clock.now(), {"status": str(to)})
    return await backend.store.move(identifier, tenant=tenant, to=to, event=event, reason=Reason("why", "so"))


@pytest.mark.parametrize("old", sorted(Status))
async def test_only_what_the_table_allows_takes_place(backend: Backend, old: Status) -> None:
    for to in TARGETS:
        identifier = await _in(backend, old)
        before = await backend.timeline(identifier)
        assert await _move(backend, identifier, to) is old
        allowed = to in TRANSITIONS[old] and old is not Status.SENDING
        assert await backend.status(identifier) is (to if allowed else old)
        assert await backend.timeline(identifier) == before + [str(to)] * allowed


async def test_what_is_not_there_has_no_status(backend: Backend) -> None:
    identifier = await backend.accepted()
    assert await _move(backend, uuid4(), Status.CANCELLED) is None
    assert await _move(backend, identifier, Status.CANCELLED, tenant="other") is None
    assert await backend.status(identifier) is Status.PENDING


async def test_one_of_another_channel_is_not_there(backend: Backend) -> None:
    identifier = await backend.ended(Status.SENT)
    event = Event("delivered", backend.clock.now(), {"status": "delivered"})
    for channel, old, now in (
        (Channel.SMS, None, Status.SENT),
        (Channel.EMAIL, Status.SENT, Status.DELIVERED),
    ):
        moved = await backend.store.move(identifier, tenant=TENANT, to=Status.DELIVERED, event=event, channel=channel)
        assert moved is old
        assert await backend.status(identifier) is now


async def test_one_being_sent_belongs_to_its_worker_even_when_its_lease_has_ended(backend: Backend) -> None:
    claim = await backend.claimed()
    assert await _move(backend, claim.id, Status.FAILED) is Status.SENDING
    await backend.pass_time(LEASE + SECOND)
    assert await _move(backend, claim.id, Status.FAILED) is Status.SENDING
    assert await backend.store.record([result(claim, Status.SENT)]) == [True]


async def test_a_cancelled_notification_has_its_reason_and_is_not_swept(backend: Backend) -> None:
    identifier = await backend.accepted()
    await _move(backend, identifier, Status.CANCELLED)
    view = await backend.reader.get(TENANT, identifier)
    assert view is not None
    assert view.reason is not None
    assert (view.reason.code, view.reason.message) == ("why", "so")
    assert await backend.column(identifier, "sweep_at") is None


async def test_a_receipt_sets_the_time_of_delivery(backend: Backend) -> None:
    identifier = await backend.ended(Status.SENT)
    at = backend.clock.now() - SECOND
    event = Event("delivered", at, {"status": "delivered"})
    await backend.store.move(identifier, tenant=TENANT, to=Status.DELIVERED, event=event)
    view = await backend.reader.get(TENANT, identifier)
    assert view is not None
    assert view.delivered_at == at
    assert (view.sent_at is not None, view.reason) == (True, None)


async def test_an_unknown_one_that_is_to_be_tried_again_is_queued(backend: Backend) -> None:
    identifier = await backend.ended(Status.UNKNOWN)
    await _move(backend, identifier, Status.PENDING)
    assert await backend.queued() == [identifier]
    [claim] = await backend.claim(identifier)
    assert claim.attempt == 2


async def test_a_cancellation_and_a_claim_at_once_agree(backend: Backend) -> None:
    for _ in range(10):
        identifier = await backend.accepted()
        other = backend.open()
        old, verdicts = await asyncio.gather(
            _move(backend, identifier, Status.CANCELLED),
            other.claim([identifier], token=uuid4(), lease=LEASE, worker="w"),
        )
        status = await backend.status(identifier)
        assert status is (Status.CANCELLED if old is Status.PENDING else Status.SENDING)
        assert (type(verdicts[0]).__name__ == "Claimed") is (status is Status.SENDING)
