"""Results: written while the claim holds, whole or not at all."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from angarium.contracts.statuses import TRANSITIONS, Status
from angarium.notifications.model import Event, OutboxKey, OutboxKind, OutboxMessage, Reason
from tests.conformance.store.backends import (
    LEASE,
    OUTBOX_LEASE,
    SECOND,
    TENANT,
    Backend,
    failure_message,
    letter_of,
    notification,
    result,
    unleased,
)

RESULTS = sorted(TRANSITIONS[Status.SENDING] - {Status.SENDING})
IMPOSSIBLE = sorted(set(Status) - set(RESULTS))


async def test_sent(backend: Backend) -> None:
    claim = await backend.claimed()
    events = (
        Event("attempt", claim.created_at, {"attempt": 1, "provider": "smtp", "outcome": "sent", "answer": "250 ok"}),
        Event("sent", claim.created_at, {"status": "sent"}),
    )
    sent = result(claim, Status.SENT, events=events, provider="smtp", provider_message_id="<1@angarium>")
    assert await backend.store.record([sent]) == [True]
    view = await backend.reader.get(TENANT, claim.id)
    assert view is not None
    assert (view.status, view.attempts, view.provider) == (Status.SENT, 1, "smtp")
    assert (view.provider_message_id, view.reason, view.delivered_at) == ("<1@angarium>", None, None)
    assert view.sent_at == view.updated_at
    assert view.updated_at >= view.created_at
    shown = await backend.reader.events(TENANT, claim.id) or []
    assert [event["event"] for event in shown] == ["accepted", "claimed", "attempt", "sent"]
    assert shown[2]["answer"] == "250 ok"
    assert await backend.column(claim.id, "sweep_at") is None


async def test_sent_is_written_alike_alone_and_beside_a_failure(backend: Backend) -> None:
    claims = [await backend.claimed(correlation_id="c") for _ in range(3)]
    alone, beside, failing = claims
    events = (Event("sent", alone.created_at, {"status": "sent"}),)
    changes = {"events": events, "provider": "smtp", "provider_message_id": "<1@angarium>"}
    assert await backend.store.record([result(alone, Status.SENT, **changes)]) == [True]
    both = [result(beside, Status.SENT, **changes), result(failing, Status.FAILED, reason=Reason("no", "no"))]
    assert await backend.store.record(both) == [True, True]
    written, expected = [await _written(backend, claim.id) for claim in (alone, beside)]
    assert written == expected
    assert written["provider"] == "smtp"


async def _written(backend: Backend, identifier: UUID) -> dict[str, Any]:
    """The row without what each has of its own; of its timeline the last event."""
    [row] = await backend.query("SELECT * FROM notifications WHERE id = :id", id=identifier)
    own = {"id", "request_id", "claim_token", "created_at", "updated_at", "sent_at", "events"}
    assert row["sent_at"] == row["updated_at"]
    shown = await backend.reader.events(TENANT, identifier) or []
    return {name: value for name, value in row.items() if name not in own} | {"last": shown[-1]}


@pytest.mark.parametrize("status", RESULTS)
async def test_every_state_that_a_claim_may_lead_to(backend: Backend, status: Status) -> None:
    claim = await backend.claimed()
    reason = Reason("because", "of this")
    assert await backend.store.record([result(claim, status, reason=reason, wait=timedelta(seconds=8))]) == [True]
    view = await backend.reader.get(TENANT, claim.id)
    assert view is not None
    assert view.status is status
    assert view.reason is not None
    assert (view.reason.code, view.reason.message) == ("because", "of this")


@pytest.mark.parametrize("status", IMPOSSIBLE)
async def test_a_state_that_no_claim_may_lead_to_is_refused(backend: Backend, status: Status) -> None:
    claim = await backend.claimed()
    with pytest.raises(ValueError, match=status):
        await backend.store.record([result(claim, status)])
    assert await backend.status(claim.id) is Status.SENDING


async def test_answers_come_in_order_and_each_for_itself(backend: Backend) -> None:
    claims = await backend.claim(*await backend.accept(*(notification() for _ in range(5))))
    results = [result(claim, Status.SENT) for claim in claims]
    results[2] = result(claims[2], Status.SENT, claim_token=uuid4())
    assert await backend.store.record(results) == [True, True, False, True, True]
    assert await backend.status(claims[2].id) is Status.SENDING


async def test_nothing_to_record(backend: Backend) -> None:
    assert list(await backend.store.record([])) == []


async def test_a_worker_that_slept_past_its_lease_writes_nothing(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.pass_time(LEASE + SECOND)
    [taken_over] = await backend.claim(claim.id)
    late = result(
        claim, Status.FAILED, dead_letter=letter_of(claim), outbox=(failure_message(claim.id),), reason=Reason("x", "y")
    )
    assert await backend.store.record([late]) == [False]
    assert await backend.status(claim.id) is Status.SENDING
    assert await backend.reader.dead_letters.count() == 0
    assert await backend.store.outbox_pending() == 0
    assert await backend.timeline(claim.id) == ["accepted", "claimed", "claimed"]
    assert await backend.store.record([result(taken_over, Status.SENT)]) == [True]


async def test_a_lease_that_ended_still_counts_until_someone_takes_over(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.pass_time(LEASE + SECOND)
    assert await backend.store.record([result(claim, Status.SENT)]) == [True]


async def test_a_result_whose_answer_was_lost_can_be_repeated(backend: Backend) -> None:
    claim = await backend.claimed()
    failed = result(
        claim, Status.FAILED, dead_letter=letter_of(claim), outbox=(failure_message(claim.id),), reason=Reason("x", "y")
    )
    for _ in range(2):
        assert await backend.store.record([failed]) == [True]
    assert await backend.timeline(claim.id) == ["accepted", "claimed", "failed"]
    assert await backend.reader.dead_letters.count() == 1
    assert await backend.store.outbox_pending() == 1


async def test_another_result_of_a_claim_that_has_ended_is_stale(backend: Backend) -> None:
    claim = await backend.claimed()
    assert await backend.store.record([result(claim, Status.SENT)]) == [True]
    assert await backend.store.record([result(claim, Status.FAILED)]) == [False]
    assert await backend.status(claim.id) is Status.SENT


async def test_of_two_results_in_a_batch_the_first_holds(backend: Backend) -> None:
    claim = await backend.claimed()
    both = [result(claim, Status.SENT), result(claim, Status.FAILED, dead_letter=letter_of(claim))]
    assert await backend.store.record(both) == [True, False]
    assert await backend.status(claim.id) is Status.SENT
    assert await backend.reader.dead_letters.count() == 0


async def test_an_attempt_given_back_is_not_counted(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.store.record([result(claim, Status.PENDING, burns_attempt=False)])
    [again] = await backend.claim(claim.id)
    assert again.attempt == 1
    await backend.store.record([result(again, Status.RETRYING)])
    [third] = await backend.claim(claim.id)
    assert third.attempt == 2


async def test_a_later_result_keeps_what_is_known_of_the_provider(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.store.record([result(claim, Status.RETRYING, provider="smtp")])
    [again] = await backend.claim(claim.id)
    await backend.store.record([result(again, Status.FAILED, reason=Reason("permanent", "550"))])
    view = await backend.reader.get(TENANT, claim.id)
    assert view is not None
    assert view.provider == "smtp"


async def test_the_reason_of_an_attempt_goes_when_the_next_succeeds(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.store.record([result(claim, Status.RETRYING, reason=Reason("greylisted", "451"))])
    [again] = await backend.claim(claim.id)
    await backend.store.record([result(again, Status.SENT)])
    view = await backend.reader.get(TENANT, claim.id)
    assert view is not None
    assert view.reason is None


async def test_a_failure_brings_its_letter_and_its_message(backend: Backend) -> None:
    claim = await backend.claimed()
    letter = letter_of(claim)
    event = OutboxMessage(
        key=OutboxKey(claim.id, OutboxKind.STATUS_EVENT),
        exchange="notifications.events",
        routing_key="email.failed",
        body=b'{"status":"failed"}',
        correlation_id="c-9",
    )
    outbox = (failure_message(claim.id, b'{"id":1}'), event)
    failed = result(claim, Status.FAILED, reason=letter.reason, dead_letter=letter, outbox=outbox)
    assert await backend.store.record([failed]) == [True]
    shown = await backend.reader.dead_letters.get(TENANT, letter.id)
    assert shown is not None
    assert (shown.notification_id, shown.channel, shown.template_code) == (claim.id, "email", "welcome")
    assert (shown.reason.code, shown.attempts, shown.payload) == ("retries_exhausted", 1, None)
    assert await backend.store.lease_outbox(10, lease=OUTBOX_LEASE) == []  # for 10 s it is the recorder's to publish
    await backend.pass_time(timedelta(seconds=11))
    messages = [unleased(message) for message in await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)]
    assert {message.key.kind: message for message in messages} == {message.key.kind: message for message in outbox}


async def test_a_newer_event_of_the_same_notification_replaces_the_older(backend: Backend) -> None:
    def event(body: bytes) -> OutboxMessage:
        key = OutboxKey(claim.id, OutboxKind.STATUS_EVENT)
        return OutboxMessage(key=key, exchange="notifications.events", routing_key="email.x", body=body)

    claim = await backend.claimed()
    await backend.store.record([result(claim, Status.RETRYING, outbox=(event(b"1"),))])
    [again] = await backend.claim(claim.id)
    await backend.store.record([result(again, Status.SENT, outbox=(event(b"2"),))])
    await backend.pass_time(timedelta(seconds=11))
    [message] = await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)
    assert message.body == b"2"


async def test_a_bad_result_spoils_the_whole_batch_and_nothing_is_half_written(backend: Backend) -> None:
    good, bad = await backend.claim(*await backend.accept(notification(), notification()))
    results = [
        result(good, Status.FAILED, dead_letter=letter_of(good)),
        result(bad, Status.FAILED, reason=Reason("x", "\ud800")),
    ]
    with pytest.raises((UnicodeEncodeError, asyncpg.DataError), match="surrogates not allowed"):
        await backend.store.record(results)
    assert await backend.status(good.id) is Status.SENDING
    assert await backend.reader.dead_letters.count() == 0


async def test_records_and_claims_of_the_same_rows_do_not_deadlock(backend: Backend) -> None:
    ids = await backend.accept(*(notification() for _ in range(100)))
    claims = await backend.claim(*ids, lease=timedelta(0))
    stores = [backend.open() for _ in range(3)]

    async def record() -> None:
        for _ in range(10):
            await stores[0].record([result(claim, Status.RETRYING) for claim in reversed(claims)])

    async def claim_and_renew(number: int) -> None:
        for _ in range(10):
            token = uuid4()
            await stores[number].claim(ids, token=token, lease=timedelta(0), worker="w")
            await stores[number].renew([(id_, token) for id_ in ids[::-1]], lease=timedelta(0))

    await asyncio.gather(record(), claim_and_renew(1), claim_and_renew(2))
    assert len(await backend.claim(*ids)) == 100
