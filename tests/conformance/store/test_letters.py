"""Dead letters: on the list until they are replayed or discarded, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.letters import PAYLOAD_LIMIT, failed_message, foreign_letter
from angarium.notifications.model import NewDeadLetter, OutboxKey, OutboxKind, Reason
from tests.conformance.store.backends import (
    OUTBOX_LEASE,
    SECOND,
    TENANT,
    Backend,
    failure_message,
    letter_of,
    result,
    unleased,
)


def _foreign() -> NewDeadLetter:
    return NewDeadLetter(
        id=uuid4(),
        tenant=TENANT,
        channel=Channel.SMS,
        reason=Reason("malformed", "no JSON"),
        attempts=1,
        payload="{{",
    )


async def test_a_foreign_message_is_buried_with_its_payload(backend: Backend) -> None:
    letter = _foreign()
    message = failure_message(letter.id, b'{"id":2}')
    for _ in range(2):
        await backend.store.bury([letter], [message])
    shown = await backend.reader.dead_letters.get(TENANT, letter.id)
    assert shown is not None
    assert (shown.notification_id, shown.channel, shown.payload) == (None, Channel.SMS, "{{")
    assert (shown.reason.code, shown.attempts) == ("malformed", 1)
    assert await backend.reader.dead_letters.count() == 1
    await backend.pass_time(OUTBOX_LEASE + SECOND)
    [leased] = await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)
    assert unleased(leased) == message


@pytest.mark.parametrize(
    "body", [b"a\x00b", b"\xff\xfe", "\ud800".encode("utf-8", "surrogatepass"), b"\x01\x7f" * 20_000]
)
async def test_a_foreign_message_of_any_bytes_is_storable(backend: Backend, body: bytes) -> None:
    reason = Reason("malformed", "a\x00b\ud800")
    letter = foreign_letter(body, reason, letter_id=uuid4(), channel=Channel.SMS, tenant=TENANT)
    await backend.store.bury([letter], [failed_message(letter, datetime(2026, 11, 26, tzinfo=UTC))])
    shown = await backend.reader.dead_letters.get(TENANT, letter.id)
    assert shown is not None
    assert (shown.payload, shown.reason.message) == (letter.payload, letter.reason.message)
    assert len(shown.payload or "") <= PAYLOAD_LIMIT


async def test_nothing_to_bury(backend: Backend) -> None:
    await backend.store.bury([], [])
    assert await backend.reader.dead_letters.count() == 0


async def test_a_replay_resets_the_attempts(backend: Backend) -> None:
    claim = await backend.claimed()
    letter = letter_of(claim)
    failed = result(
        claim,
        Status.FAILED,
        reason=letter.reason,
        provider="smtp",
        provider_message_id="<1>",
        dead_letter=letter,
        outbox=(failure_message(claim.id),),
    )
    await backend.store.record([failed])
    assert await backend.store.replay([letter.id], tenant=TENANT) == [letter.id]
    view = await backend.reader.get(TENANT, claim.id)
    assert view is not None
    assert (view.status, view.attempts, view.template_version) == (Status.PENDING, 0, 3)
    assert (view.reason, view.provider, view.provider_message_id) == (None, None, None)
    assert (await backend.timeline(claim.id))[-1] == "replayed"
    assert await backend.reader.dead_letters.get(TENANT, letter.id) is None
    messages = await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)
    assert [unleased(message).key for message in messages] == [OutboxKey(claim.id, OutboxKind.WORK)]
    await backend.pass_time(OUTBOX_LEASE + SECOND)
    # Its message for `failed.queue` that was not published yet never will be.
    assert len(await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)) == 1
    [again] = await backend.claim(claim.id)
    assert again.attempt == 1


async def test_a_worker_of_before_the_replay_can_write_nothing(backend: Backend) -> None:
    claim = await backend.claimed()
    letter = letter_of(claim)
    failed = result(claim, Status.FAILED, dead_letter=letter)
    await backend.store.record([failed])
    await backend.store.replay([letter.id], tenant=TENANT)
    assert await backend.store.record([failed]) == [False]
    assert await backend.store.record([result(claim, Status.PENDING)]) == [False]
    assert await backend.reader.dead_letters.count() == 0


async def test_a_letter_is_replayed_once_however_many_ask(backend: Backend) -> None:
    pairs = [await backend.failed() for _ in range(20)]
    letters = [letter for _, letter in pairs]
    stores = [backend.open() for _ in range(4)]
    answers = await asyncio.gather(
        *(store.replay(letters[:: (-1) ** n], tenant=TENANT) for n, store in enumerate(stores * 2))
    )
    assert sorted(letter for answer in answers for letter in answer) == sorted(letters)
    assert sorted(await backend.queued()) == sorted(identifier for identifier, _ in pairs)
    assert await backend.store.replay(letters, tenant=TENANT) == []


async def test_what_cannot_be_replayed_stays(backend: Backend) -> None:
    foreign = _foreign()
    await backend.store.bury([foreign], [])
    _, others = await backend.failed(tenant="other")
    assert await backend.store.replay([foreign.id, others, uuid4()], tenant=TENANT) == []
    assert await backend.reader.dead_letters.count() == 2


async def test_a_letter_is_discarded_and_its_notification_stays_failed(backend: Backend) -> None:
    identifier, letter = await backend.failed()
    _, others = await backend.failed(tenant="other")
    assert await backend.store.discard([letter, others, uuid4()], tenant=TENANT) == [letter]
    assert await backend.store.discard([letter], tenant=TENANT) == []
    assert await backend.status(identifier) is Status.FAILED
    assert list(await backend.store.living_letters([letter, others])) == [others]


async def test_the_unpublished_message_of_a_discarded_letter_goes_with_it(backend: Backend) -> None:
    foreign, kept = _foreign(), _foreign()
    await backend.store.bury([foreign, kept], [failure_message(foreign.id), failure_message(kept.id)])
    await backend.store.discard([foreign.id], tenant=TENANT)
    await backend.pass_time(timedelta(seconds=11))
    messages = await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)
    assert [message.key.subject for message in messages] == [kept.id]


async def test_existing_dead_letters_are_found_in_every_tenant(backend: Backend) -> None:
    _, one = await backend.failed()
    _, two = await backend.failed(tenant="other")
    assert set(await backend.store.living_letters([one, two, uuid4()])) == {one, two}
    assert set(await backend.store.living_letters([])) == set()
