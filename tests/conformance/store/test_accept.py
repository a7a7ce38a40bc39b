"""Acceptance: durable, idempotent by (tenant, caller, request_id), queued."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from angarium.contracts.messages import QueueMessage
from angarium.contracts.statuses import Channel, DeliveryPolicy, DeliveryStatus, Status
from angarium.notifications.messages import work_message
from angarium.notifications.model import AcceptOutcome, OutboxKey, OutboxKind
from tests.conformance.store.backends import OUTBOX_LEASE, SECOND, TENANT, Backend, notification, unleased


async def test_what_is_accepted_is_pending_and_reads_as_it_was_given(backend: Backend) -> None:
    new = notification(
        channel=Channel.PUSH,
        priority=9,
        recipient='{"name":"Zoé","push_token":"t"}',
        user_id=None,
        category="account",
        variables='{"z":1,"a":{"b":[1,2.5,null,"ü"]}}',
        metadata='{"order":42}',
        policy=DeliveryPolicy.AT_MOST_ONCE,
        traceparent="00-1-2-01",
        fallback=(Channel.SMS, Channel.EMAIL),
        fallback_of=uuid4(),
        callback_url="https://example.com/hook",
        expires_at=datetime(2100, 1, 1, tzinfo=UTC),
    )
    [answer] = await backend.store.accept([new], outbox_lease=OUTBOX_LEASE)
    assert (answer.outcome, answer.notification_id, answer.status) == (AcceptOutcome.CREATED, new.id, Status.PENDING)
    view = await backend.reader.get(TENANT, new.id)
    assert view is not None
    assert (view.status, view.delivery_status, view.attempts) == (Status.PENDING, DeliveryStatus.PENDING, 0)
    assert (view.notification_type, view.priority, view.category) == (Channel.PUSH, 9, "account")
    assert list(view.variables) == ["z", "a"]  # a template may loop over them
    assert view.variables["a"] == {"b": [1, 2.5, None, "ü"]}
    assert (view.recipient, view.user_id) == ({"name": "Zoé", "push_token": "t"}, None)
    assert (view.metadata, view.fallback) == ({"order": 42}, [Channel.SMS, Channel.EMAIL])
    assert (view.fallback_of, view.expires_at) == (new.fallback_of, new.expires_at)
    assert (view.template_code, view.template_version, view.locale) == ("welcome", 3, "en")
    assert view.created_at == view.updated_at == answer.created_at
    assert (view.reason, view.provider, view.sent_at, view.delivered_at) == (None, None, None, None)


async def test_a_plain_one_is_kept_alike_alone_and_beside_one_that_is_special(backend: Backend) -> None:
    alone, beside = (notification(correlation_id="c", traceparent="00-1-2-00") for _ in range(2))
    special = notification(callback_url="https://example.com/hook", test=True)
    await backend.store.accept([alone], outbox_lease=OUTBOX_LEASE)
    await backend.store.accept([beside, special], outbox_lease=OUTBOX_LEASE)
    rows = {
        row["id"]: {name: value for name, value in row.items() if name not in _OF_ITS_OWN}
        for row in map(dict, await backend.query("SELECT * FROM notifications"))
    }
    kept = {str(identifier).replace("-", ""): row for identifier, row in rows.items()}
    assert kept[alone.id.hex] == kept[beside.id.hex]
    assert kept[beside.id.hex] != kept[special.id.hex]


_OF_ITS_OWN = {"id", "request_id", "created_at", "updated_at", "sweep_at", "events"}


async def test_the_timeline_begins_with_the_acceptance(backend: Backend) -> None:
    identifier = await backend.accepted()
    [event] = await backend.reader.events(TENANT, identifier) or []
    view = await backend.reader.get(TENANT, identifier)
    assert view is not None
    assert (event["event"], event["status"]) == ("accepted", "pending")
    assert event["at"].endswith("Z")
    assert datetime.fromisoformat(event["at"]) == view.created_at


async def test_answers_come_in_the_order_of_the_batch(backend: Backend) -> None:
    batch = [notification(request_id=f"r{number}") for number in (5, 1, 4, 2, 3)]
    answers = await backend.store.accept(batch, outbox_lease=OUTBOX_LEASE)
    assert [answer.notification_id for answer in answers] == [new.id for new in batch]


async def test_an_empty_batch_is_nothing(backend: Backend) -> None:
    assert list(await backend.store.accept([], outbox_lease=OUTBOX_LEASE)) == []


async def test_the_same_request_again_answers_with_the_first(backend: Backend) -> None:
    first = notification(request_id="once")
    [created] = await backend.store.accept([first], outbox_lease=OUTBOX_LEASE)
    await backend.claim(first.id)
    [replayed] = await backend.store.accept([notification(request_id="once")], outbox_lease=OUTBOX_LEASE)
    assert (replayed.outcome, replayed.notification_id) == (AcceptOutcome.REPLAYED, first.id)
    assert (replayed.status, replayed.created_at) == (Status.SENDING, created.created_at)
    assert await backend.store.outbox_pending() == 1


async def test_another_request_under_the_same_id_is_a_conflict(backend: Backend) -> None:
    first = await backend.accepted(request_id="once")
    [answer] = await backend.store.accept(
        [notification(request_id="once", fingerprint=b"other")], outbox_lease=OUTBOX_LEASE
    )
    assert (answer.outcome, answer.notification_id) == (AcceptOutcome.CONFLICT, first)


@pytest.mark.parametrize("other", [{"tenant": "other"}, {"caller": "other"}])
async def test_another_caller_or_tenant_has_its_own_request_ids(backend: Backend, other: dict[str, str]) -> None:
    await backend.accepted(request_id="once")
    [answer] = await backend.store.accept([notification(request_id="once", **other)], outbox_lease=OUTBOX_LEASE)
    assert answer.outcome is AcceptOutcome.CREATED


async def test_the_same_key_twice_in_a_batch_is_created_once(backend: Backend) -> None:
    batch = [
        notification(request_id="b"),
        notification(request_id="a"),
        notification(request_id="b"),
        notification(request_id="b", fingerprint=b"other"),
    ]
    answers = await backend.store.accept(batch, outbox_lease=OUTBOX_LEASE)
    assert [answer.outcome for answer in answers] == [
        AcceptOutcome.CREATED,
        AcceptOutcome.CREATED,
        AcceptOutcome.REPLAYED,
        AcceptOutcome.CONFLICT,
    ]
    assert {answer.notification_id for answer in answers} == {batch[0].id, batch[1].id}


async def test_the_very_same_twice_in_a_batch_is_created_once(backend: Backend) -> None:
    new = notification()
    answers = await backend.store.accept([new, new], outbox_lease=OUTBOX_LEASE)
    assert [answer.outcome for answer in answers] == [AcceptOutcome.CREATED, AcceptOutcome.REPLAYED]
    assert await backend.store.outbox_pending() == 1


async def test_the_same_requests_in_another_order_do_not_deadlock(backend: Backend) -> None:
    stores = [backend.open() for _ in range(4)]
    for turn in range(5):
        keys = [f"{turn}-{number}" for number in range(200)]
        orders = (keys, keys[::-1], keys[100:] + keys[:100], keys[::-1])
        answers = await asyncio.gather(
            *(
                store.accept([notification(request_id=key) for key in order], outbox_lease=OUTBOX_LEASE)
                for store, order in zip(stores, orders, strict=True)
            )
        )
        outcomes = Counter(answer.outcome for answered in answers for answer in answered)
        assert outcomes == {AcceptOutcome.CREATED: 200, AcceptOutcome.REPLAYED: 600}


async def test_an_acceptance_whose_answer_was_lost_can_be_repeated(backend: Backend) -> None:
    new = notification()
    await backend.store.accept([new], outbox_lease=OUTBOX_LEASE)
    [answer] = await backend.store.accept([new], outbox_lease=OUTBOX_LEASE)
    assert (answer.outcome, answer.notification_id) == (AcceptOutcome.CREATED, new.id)
    assert await backend.store.outbox_pending() == 1


async def test_fifty_at_once_make_one(backend: Backend) -> None:
    stores = [backend.open() for _ in range(4)]
    batches = [[notification(request_id="once"), notification()] for _ in range(50)]
    for batch in batches[::2]:
        batch.reverse()  # other neighbours, another order: no deadlock either
    answers = await asyncio.gather(
        *(stores[n % 4].accept(batch, outbox_lease=OUTBOX_LEASE) for n, batch in enumerate(batches))
    )
    ours = [
        answer
        for batch, answered in zip(batches, answers, strict=True)
        for new, answer in zip(batch, answered, strict=True)
        if new.request_id == "once"
    ]
    assert Counter(answer.outcome for answer in ours) == {AcceptOutcome.CREATED: 1, AcceptOutcome.REPLAYED: 49}
    assert len({answer.notification_id for answer in ours}) == 1
    assert await backend.store.outbox_pending() == 51


async def test_its_message_is_leased_to_the_caller_first_and_then_anyones(backend: Backend) -> None:
    new = notification(priority=8, expires_at=datetime(2100, 1, 1, tzinfo=UTC))
    await backend.store.accept([new], outbox_lease=OUTBOX_LEASE)
    assert await backend.store.lease_outbox(10, lease=OUTBOX_LEASE) == []
    await backend.pass_time(OUTBOX_LEASE + SECOND)
    [message] = await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)
    assert unleased(message).key == OutboxKey(new.id, OutboxKind.WORK)
    assert message.routing_key == "email.urgent"
    told = msgspec.json.decode(message.body, type=QueueMessage)
    assert (told.notification_id, told.tenant, told.request_id) == (str(new.id), TENANT, new.request_id)
    assert (told.variables, told.notification_type) == (msgspec.UNSET, "email")


async def test_the_message_from_the_record_is_the_one_published_at_once(backend: Backend) -> None:
    new = notification(traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    await backend.store.accept([new], outbox_lease=timedelta(0))
    [message] = await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)
    assert unleased(message) == work_message(new)


async def test_send_at_ahead_schedules_without_a_message(backend: Backend) -> None:
    now = backend.clock.now() if backend.url.startswith("sqlite") else datetime.now(UTC)
    due = now + timedelta(hours=1)
    new = notification(send_at=due)
    [answer] = await backend.store.accept([new], outbox_lease=OUTBOX_LEASE)
    assert answer.status is Status.SCHEDULED
    assert await backend.store.outbox_pending() == 0
    events = await backend.reader.events(TENANT, new.id) or []
    assert [(event["event"], event["status"]) for event in events] == [
        ("accepted", "scheduled"),
        ("scheduled", "scheduled"),
    ]
    assert datetime.fromisoformat(events[1]["next_at"]) == due


async def test_send_at_in_the_past_is_pending(backend: Backend) -> None:
    new = notification(send_at=datetime(2020, 1, 1, tzinfo=UTC))
    [answer] = await backend.store.accept([new], outbox_lease=OUTBOX_LEASE)
    assert answer.status is Status.PENDING
    await backend.claim(new.id)


async def test_a_row_that_cannot_be_kept_raises_and_spoils_nothing(backend: Backend) -> None:
    good = notification()
    with pytest.raises((UnicodeEncodeError, asyncpg.DataError), match="surrogates not allowed"):
        await backend.store.accept([good, notification(locale="\ud800")], outbox_lease=OUTBOX_LEASE)
    assert await backend.reader.get(TENANT, good.id) is None
    for _ in range(6):  # every connection of the pool still serves
        await backend.accepted()


async def test_find_by_request_names_up_to_two(backend: Backend) -> None:
    assert await backend.store.find_by_request(TENANT, "x") == []
    first = await backend.accepted(request_id="x")
    assert await backend.store.find_by_request(TENANT, "x") == [first]
    for caller in ("b", "c"):
        await backend.accepted(request_id="x", caller=caller)
    await backend.accepted(request_id="x", tenant="other")
    assert len(await backend.store.find_by_request(TENANT, "x")) == 2
