# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Dead letters on MariaDB and MySQL."""

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from uuid import UUID

from angarium.notifications.model import NewDeadLetter, OutboxMessage
from angarium.notifications.store.arguments import dead_letter_values
from angarium.notifications.store.mysql import outbox as queue
from angarium.notifications.store.mysql.sql import (
    NOW,
    PENDING_SWEEP,
    Database,
    append,
    as_rows,
    event_now,
    id_list,
    listed,
    rows_of,
)
from angarium.notifications.store.record import DEAD_LETTER
from angarium.platform.database.mysql_pool import Session

BURY = f"""
INSERT INTO dead_letters ({listed(DEAD_LETTER)}, failed_at)
SELECT {listed(DEAD_LETTER, "r")}, {NOW} FROM {rows_of(DEAD_LETTER)}
ON DUPLICATE KEY UPDATE dead_letters.id = dead_letters.id
"""
WANTED = "SELECT id, notification_id FROM dead_letters WHERE id IN %s AND tenant = %s ORDER BY id FOR UPDATE"
FAILED = """
SELECT id FROM notifications FORCE INDEX (PRIMARY) WHERE id IN %s AND tenant = %s AND status = 'failed'
ORDER BY id FOR UPDATE
"""
"""The first transaction to lock the notification finds it `failed`; the next one finds it pending and skips it."""
REPLAY = f"""
UPDATE notifications FORCE INDEX (PRIMARY) SET
    events = {append(event_now("replayed", status="pending"))},
    status = 'pending', attempts = 0, claim_token = NULL, lease_until = NULL, due_at = NULL,
    sweep_at = {PENDING_SWEEP}, reason_code = NULL, reason_message = NULL,
    provider = NULL, provider_message_id = NULL, updated_at = {NOW}
WHERE id IN %s
"""
DISCARD = "DELETE FROM dead_letters WHERE id IN %s"
WITHDRAW_MESSAGES = "DELETE FROM outbox WHERE subject IN %s AND kind = 'dead_letter'"
LIVING_LETTERS = "SELECT id FROM dead_letters WHERE id IN %s"


async def put(session: Session, letters: Iterable[NewDeadLetter]) -> None:
    """Insert dead letters; existing ones do not change."""
    rows = sorted(map(dead_letter_values, letters), key=lambda values: values["id"])
    if rows:
        await session.run(BURY, as_rows(DEAD_LETTER, rows))


async def bury(db: Database, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]) -> None:
    """As `NotificationStore.bury`."""

    async def work(session: Session) -> None:
        await put(session, letters)
        await queue.put(session, outbox, queue.PUT_UNLESS_THERE)

    await db.transaction(work)


async def replay(db: Database, letter_ids: Sequence[UUID], tenant: str) -> Sequence[UUID]:
    """As `NotificationStore.replay`."""
    return await db.transaction(partial(_replay, ids=letter_ids, tenant=tenant)) if letter_ids else []


async def _replay(session: Session, ids: Sequence[UUID], tenant: str) -> Sequence[UUID]:
    rows = [row for row in await session.fetch(WANTED, id_list(ids), tenant) if row["notification_id"] is not None]
    if not rows:
        return []
    wanted = tuple(sorted({row["notification_id"] for row in rows}))
    failed = tuple(row["id"] for row in await session.fetch(FAILED, wanted, tenant))
    replayed = tuple(row["id"] for row in rows if row["notification_id"] in failed)
    if not replayed:
        return []
    await session.run(REPLAY, failed)
    await session.run(WITHDRAW_MESSAGES, failed)
    await session.run(DISCARD, replayed)
    await queue.enqueue_work(session, map(UUID, failed))
    return [*map(UUID, replayed)]


async def discard(db: Database, letter_ids: Sequence[UUID], tenant: str) -> Sequence[UUID]:
    """As `NotificationStore.discard`."""
    return await db.transaction(partial(_discard, ids=letter_ids, tenant=tenant)) if letter_ids else []


async def _discard(session: Session, ids: Sequence[UUID], tenant: str) -> Sequence[UUID]:
    rows = await session.fetch(WANTED, id_list(ids), tenant)
    if rows:
        subjects = {row["notification_id"] or row["id"] for row in rows}
        await session.run(WITHDRAW_MESSAGES, tuple(sorted(subjects)))
        await session.run(DISCARD, tuple(row["id"] for row in rows))
    return [UUID(row["id"]) for row in rows]


async def living_letters(db: Database, letter_ids: Collection[UUID]) -> Collection[UUID]:
    """As `NotificationStore.living_letters`."""
    if not letter_ids:
        return set()
    return {UUID(row["id"]) for row in await db.fetch(LIVING_LETTERS, id_list(letter_ids))}
