# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Dead letters on PostgreSQL."""

from collections.abc import Collection, Sequence
from uuid import UUID

from angarium.notifications.model import NewDeadLetter, OutboxMessage
from angarium.notifications.store.arguments import columns, dead_letter_values, message_values
from angarium.notifications.store.postgresql.sql import (
    ENQUEUE,
    NOW_TEXT,
    PENDING_SWEEP,
    RESULT_LEASE,
    Database,
    arrays,
)
from angarium.notifications.store.record import DEAD_LETTER, MESSAGE

_LETTERS = ", ".join(DEAD_LETTER)
_MESSAGES = ", ".join(MESSAGE)

BURY = f"""
WITH letters AS (
    INSERT INTO dead_letters ({_LETTERS}, failed_at)
    SELECT {_LETTERS}, now() FROM unnest({arrays(DEAD_LETTER)}) AS given ({_LETTERS})
    ON CONFLICT (id) DO NOTHING
)
INSERT INTO outbox ({_MESSAGES}, available_at)
SELECT {_MESSAGES}, {RESULT_LEASE}
FROM unnest({arrays(MESSAGE, len(DEAD_LETTER) + 1)}) AS given ({_MESSAGES})
ON CONFLICT (subject, kind) DO NOTHING
"""

REPLAY = f"""
WITH wanted AS MATERIALIZED (
    SELECT id, notification_id FROM dead_letters WHERE id = ANY($1::uuid[]) AND (tenant = $2) IS TRUE
), failed AS MATERIALIZED (
    SELECT n.id FROM notifications n
    WHERE n.id = ANY(ARRAY(SELECT notification_id FROM wanted)) AND (n.tenant = $2 AND n.status = 'failed') IS TRUE
    ORDER BY n.id FOR NO KEY UPDATE
), taken AS (
    DELETE FROM dead_letters d
    WHERE d.id = ANY($1::uuid[]) AND (d.tenant = $2) IS TRUE AND d.notification_id IN (SELECT id FROM failed)
    RETURNING d.id, d.notification_id
), revived AS (
    UPDATE notifications n SET
        status = 'pending', attempts = 0, claim_token = NULL, lease_until = NULL, due_at = NULL,
        sweep_at = {PENDING_SWEEP}, reason_code = NULL, reason_message = NULL,
        provider = NULL, provider_message_id = NULL, updated_at = now(),
        events = n.events || jsonb_build_object('event', 'replayed', 'at', {NOW_TEXT}, 'status', 'pending')
    WHERE n.id = ANY(ARRAY(SELECT notification_id FROM taken)) AND (n.status = 'failed') IS TRUE
), silenced AS (
    DELETE FROM outbox WHERE subject = ANY(ARRAY(SELECT notification_id FROM taken)) AND kind = 'dead_letter'
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT DISTINCT notification_id, 'work', now() FROM taken {ENQUEUE}
)
SELECT id FROM taken
"""
"""The first transaction to lock the notification finds it `failed`; the next one finds it pending and skips it."""

DISCARD = """
WITH discarded AS (
    DELETE FROM dead_letters WHERE id = ANY($1::uuid[]) AND (tenant = $2) IS TRUE RETURNING id, notification_id
), silenced AS (
    DELETE FROM outbox
    WHERE subject = ANY(ARRAY(SELECT coalesce(notification_id, id) FROM discarded)) AND kind = 'dead_letter'
)
SELECT id FROM discarded
"""

LIVING_LETTERS = "SELECT id FROM dead_letters WHERE id = ANY($1::uuid[])"


async def bury(db: Database, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]) -> None:
    """As `NotificationStore.bury`."""
    buried = sorted(map(dead_letter_values, letters), key=lambda values: values["id"])
    messages = sorted(map(message_values, outbox), key=lambda values: (values["subject"], values["kind"]))
    await db.fetch(BURY, *columns(DEAD_LETTER, buried), *columns(MESSAGE, messages))


async def replay(db: Database, letter_ids: Sequence[UUID], tenant: str) -> Sequence[UUID]:
    """As `NotificationStore.replay`."""
    return [row["id"] for row in await db.fetch(REPLAY, sorted(letter_ids), tenant)]


async def discard(db: Database, letter_ids: Sequence[UUID], tenant: str) -> Sequence[UUID]:
    """As `NotificationStore.discard`."""
    return [row["id"] for row in await db.fetch(DISCARD, sorted(letter_ids), tenant)]


async def living_letters(db: Database, letter_ids: Collection[UUID]) -> Collection[UUID]:
    """As `NotificationStore.living_letters`."""
    return {row["id"] for row in await db.fetch(LIVING_LETTERS, list(letter_ids))}
