"""A permanently failed notification continues on its next channel, made by the very change that ended it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import Event, Reason
from angarium.notifications.store.read.notifications import NotificationFilter
from tests.conformance.store.backends import TENANT, Backend, letter_of, result

BOTH = (Channel.SMS, Channel.PUSH)


async def _row(backend: Backend, identifier: UUID) -> Mapping[str, Any]:
    [row] = await backend.query("SELECT * FROM notifications WHERE id = :id", id=identifier)
    return dict(row)


async def test_a_failure_makes_the_next_with_its_work(backend: Backend) -> None:
    claim = await backend.claimed(
        fallback=BOTH, request_id="order-42", metadata='{"order": 7}', callback_url="https://example.com/hook"
    )
    assert claim.fallback == BOTH
    assert await backend.store.record([result(claim, Status.FAILED, reason=Reason("permanent", "no"))]) == [True]
    [second] = await backend.queued()
    assert second.version == 7
    view = await backend.reader.get(TENANT, second)
    assert view is not None
    assert (view.status, view.notification_type, view.fallback) == (Status.PENDING, Channel.SMS, [Channel.PUSH])
    assert (view.fallback_of, view.request_id, view.metadata) == (claim.id, "order-42#fallback-1", {"order": 7})
    assert (view.attempts, view.variables, view.reason, view.provider) == (0, {"name": "John"}, None, None)
    events = await backend.reader.events(TENANT, claim.id)
    assert events is not None
    assert (events[-1]["event"], events[-1]["notification_id"]) == ("fallback", str(second))
    opening = await backend.reader.events(TENANT, second)
    assert opening is not None
    assert (opening[0]["event"], opening[0]["fallback_of"]) == ("accepted", str(claim.id))
    first, made = await _row(backend, claim.id), await _row(backend, second)
    same = set(first) - {
        "id", "caller", "request_id", "channel", "fallback", "fallback_of", "status", "attempts", "claim_token",
        "lease_until", "due_at", "sweep_at", "reason_code", "reason_message", "provider", "provider_message_id",
        "events", "created_at", "updated_at", "sent_at", "delivered_at", "send_at",
    }  # fmt: skip
    assert {name: made[name] for name in same} == {name: first[name] for name in same}
    assert made["sweep_at"] is not None


async def test_the_chain_ends_with_its_list(backend: Backend) -> None:
    first = await backend.claimed(fallback=BOTH, request_id="r")
    claim, seen = first, []
    for _ in range(3):
        assert await backend.store.record([result(claim, Status.FAILED)]) == [True]
        queued = await backend.queued()
        if not queued:
            break
        seen += queued
        [claim] = await backend.claim(*queued)
    views = [await backend.reader.get(TENANT, identifier) for identifier in seen]
    assert [(v.notification_type, v.request_id, v.fallback_of) for v in views if v] == [
        (Channel.SMS, "r#fallback-1", first.id),
        (Channel.PUSH, "r#fallback-2", first.id),
    ]


async def test_a_bounce_goes_on_too_and_what_is_sent_does_not(backend: Backend) -> None:
    sent = await backend.ended(Status.SENT, fallback=BOTH)
    assert await backend.queued() == []
    event = Event("failed", backend.clock.now(), {"status": "failed"})
    await backend.store.move(sent, tenant=TENANT, to=Status.FAILED, event=event, reason=Reason("bounced", "x"))
    assert len(await backend.queued()) == 1
    for status in (Status.SKIPPED, Status.EXPIRED):
        await backend.ended(status, fallback=BOTH)
    assert await backend.queued() == []


async def test_a_result_written_twice_makes_one(backend: Backend) -> None:
    claim = await backend.claimed(fallback=BOTH)
    failed = result(claim, Status.FAILED)
    assert [*await backend.store.record([failed]), *await backend.store.record([failed])] == [True, True]
    assert len(await backend.queued()) == 1


async def test_request_ids_that_look_alike_or_are_long_do_not_clash(backend: Backend) -> None:
    await backend.accepted(request_id="r#fallback-1")
    long = "x" * 254
    for request_id in ("r", long + "a", long + "b"):
        claim = await backend.claimed(request_id=request_id, caller="c" * 255, fallback=(Channel.SMS,))
        assert await backend.store.record([result(claim, Status.FAILED)]) == [True]
        assert len(await backend.queued()) == 1
    assert (await backend.reader.find(TENANT, NotificationFilter())).total == 7


async def test_a_replayed_one_that_fails_again_makes_none(backend: Backend) -> None:
    claim = await backend.claimed()
    letter = letter_of(claim)
    assert await backend.store.record([result(claim, Status.FAILED, dead_letter=letter)]) == [True]
    await backend.store.replay([letter.id], tenant=TENANT)
    [again] = await backend.claim(*await backend.queued())
    assert await backend.store.record([result(again, Status.FAILED)]) == [True]
    assert await backend.queued() == []
