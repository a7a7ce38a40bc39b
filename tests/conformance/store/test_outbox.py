"""The outbox: a message is kept until the broker confirms it, and leased to one publisher at a time."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from angarium.contracts.statuses import Status
from angarium.notifications.model import OutboxKey, OutboxKind
from angarium.notifications.store.port import MOST_COUNTED
from tests.conformance.store.backends import (
    OUTBOX_LEASE,
    SECOND,
    TENANT,
    Backend,
    failure_message,
    letter_of,
    notification,
    result,
)

NOW = timedelta(0)


async def test_a_message_is_given_once_until_its_lease_ends(backend: Backend) -> None:
    await backend.store.accept([notification()], outbox_lease=NOW)
    assert len(await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)) == 1
    assert await backend.store.lease_outbox(10, lease=OUTBOX_LEASE) == []
    await backend.pass_time(OUTBOX_LEASE + SECOND)
    assert len(await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)) == 1


async def test_none_is_given_twice_however_many_ask(backend: Backend) -> None:
    new = [notification() for _ in range(300)]
    await backend.store.accept(new, outbox_lease=NOW)
    stores = [backend.open() for _ in range(4)]
    leases = await asyncio.gather(*(store.lease_outbox(40, lease=OUTBOX_LEASE) for store in stores * 3))
    given = [message.key.subject for lease in leases for message in lease]
    given += [message.key.subject for message in await backend.store.lease_outbox(300, lease=OUTBOX_LEASE)]
    assert sorted(given) == sorted(n.id for n in new)


async def test_the_oldest_comes_first_and_no_more_than_asked(backend: Backend) -> None:
    new = []
    for _ in range(3):
        new.append(notification())
        await backend.store.accept(new[-1:], outbox_lease=NOW)
        await backend.pass_time(SECOND)
    messages = await backend.store.lease_outbox(2, lease=OUTBOX_LEASE)
    assert [message.key.subject for message in messages] == [n.id for n in new[:2]]


async def test_what_is_confirmed_is_forgotten(backend: Backend) -> None:
    new = [notification() for _ in range(3)]
    await backend.store.accept(new, outbox_lease=NOW)
    assert await backend.store.outbox_pending() == 3
    keys = [OutboxKey(n.id, OutboxKind.WORK) for n in new]
    for _ in range(2):
        await backend.store.confirm_outbox([keys[2], keys[0], OutboxKey(uuid4(), OutboxKind.WORK)])
    assert await backend.store.outbox_pending() == 1
    assert await backend.queued() == [new[1].id]
    await backend.store.confirm_outbox([])


async def test_a_confirm_leaves_what_was_enqueued_again_since_the_lease(backend: Backend) -> None:
    new = [notification() for _ in range(2)]
    await backend.store.accept(new, outbox_lease=NOW)
    leased = await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)
    await backend.store.requeue_unfinished()
    await backend.store.confirm_outbox([message.key for message in leased])
    assert await backend.store.outbox_pending() == 2
    again = await backend.store.lease_outbox(10, lease=OUTBOX_LEASE * 2)
    assert {message.key.subject for message in again} == {n.id for n in new}
    await backend.store.confirm_outbox([again[0].key, leased[0].key, leased[1].key])
    assert await backend.store.outbox_pending() == 1
    await backend.store.confirm_outbox([message.key for message in again])
    assert await backend.store.outbox_pending() == 0


async def test_a_confirm_leaves_the_message_of_a_replay(backend: Backend) -> None:
    new = notification()
    await backend.store.accept([new], outbox_lease=NOW)
    [leased] = await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)
    [claim] = await backend.claim(new.id)
    letter = letter_of(claim)
    await backend.store.record([result(claim, Status.FAILED, dead_letter=letter)])
    await backend.store.replay([letter.id], tenant=TENANT)
    await backend.store.confirm_outbox([leased.key])
    assert await backend.queued() == [new.id]


async def test_a_late_confirm_counts_after_another_lease_of_the_row(backend: Backend) -> None:
    new = notification()
    await backend.store.accept([new], outbox_lease=NOW)
    await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)
    await backend.pass_time(OUTBOX_LEASE + SECOND)
    [leased] = await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)
    await backend.store.confirm_outbox([OutboxKey(new.id, OutboxKind.WORK)])
    assert await backend.store.outbox_pending() == 0
    await backend.store.confirm_outbox([leased.key])


async def test_a_confirm_is_of_one_kind(backend: Backend) -> None:
    claim = await backend.claimed()
    await backend.store.record([result(claim, Status.FAILED, outbox=(failure_message(claim.id),))])
    await backend.store.confirm_outbox([OutboxKey(claim.id, OutboxKind.WORK)])
    assert await backend.store.outbox_pending() == 1


async def test_work_whose_notification_is_gone_is_forgotten(backend: Backend) -> None:
    new = notification()
    await backend.store.accept([new], outbox_lease=NOW)
    await backend.query("DELETE FROM notifications WHERE id = :id", id=new.id)
    assert await backend.store.lease_outbox(10, lease=OUTBOX_LEASE) == []
    assert await backend.store.outbox_pending() == 0


async def test_two_publishers_confirming_the_same_do_not_deadlock(backend: Backend) -> None:
    new = [notification() for _ in range(200)]
    await backend.store.accept(new, outbox_lease=NOW)
    keys = [OutboxKey(n.id, OutboxKind.WORK) for n in new]
    stores = [backend.open() for _ in range(4)]
    await asyncio.gather(*(store.confirm_outbox(keys[:: (-1) ** n]) for n, store in enumerate(stores)))
    assert await backend.store.outbox_pending() == 0


async def test_only_what_became_available_within_the_given_time_is_leased(backend: Backend) -> None:
    old = notification()
    await backend.store.accept([old], outbox_lease=timedelta(0))
    await backend.pass_time(timedelta(hours=1))
    young = notification()
    await backend.store.accept([young], outbox_lease=timedelta(0))
    await backend.pass_time(SECOND)
    leased = await backend.store.lease_outbox(10, lease=OUTBOX_LEASE, back=timedelta(minutes=1))
    assert [message.key.subject for message in leased] == [young.id]
    assert [message.key.subject for message in await backend.store.lease_outbox(10, lease=OUTBOX_LEASE)] == [old.id]


async def test_the_count_of_what_waits_is_bounded(backend: Backend) -> None:
    new = [notification() for _ in range(3)]
    await backend.store.accept(new, outbox_lease=OUTBOX_LEASE)
    assert await backend.store.outbox_pending() == 3
    await backend.query(_MANY[backend.engine.dialect.name])
    assert await backend.store.outbox_pending() == MOST_COUNTED
    await backend.query("DELETE FROM outbox")


_MANY = {
    "sqlite": """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10100)
        INSERT INTO outbox (subject, kind, available_at) SELECT lower(hex(randomblob(16))), 'work', 0 FROM n""",
    "postgresql": """
        INSERT INTO outbox (subject, kind, available_at)
        SELECT gen_random_uuid(), 'work', now() FROM generate_series(1, 10100)""",
    "mysql": """
        INSERT INTO outbox (subject, kind, available_at)
        SELECT LPAD(HEX(seq), 32, '0'), 'work', UTC_TIMESTAMP(6) FROM seq_1_to_10100""",
}


async def test_the_count_of_dead_letters_may_be_bounded(backend: Backend) -> None:
    for _ in range(4):
        await backend.failed()
    assert await backend.reader.dead_letters.count() == 4
    assert await backend.reader.dead_letters.count(at_most=3) == 3
    assert await backend.reader.dead_letters.count(at_most=5) == 4
