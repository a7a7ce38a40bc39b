# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The outbox on PostgreSQL."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from angarium.notifications.model import OutboxKey, OutboxMessage
from angarium.notifications.store.port import MOST_COUNTED
from angarium.notifications.store.postgresql.sql import Database, names
from angarium.notifications.store.record import Use, used
from angarium.notifications.store.rows import outbox_message

LEASE_OUTBOX = f"""
WITH due AS MATERIALIZED (
    SELECT subject, kind, available_at FROM outbox
    WHERE available_at <= now() AND available_at > coalesce(now() - $3::interval, '-infinity'::timestamptz)
    ORDER BY available_at LIMIT $1 FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE outbox o SET available_at = clock_timestamp() + $2::interval
    FROM due
    WHERE o.subject = ANY(ARRAY(SELECT subject FROM due)) AND o.subject = due.subject AND o.kind = due.kind
    RETURNING o.subject, o.kind, o.exchange, o.routing_key, o.body, o.correlation_id AS message_correlation_id,
        due.available_at, o.available_at AS leased_until
)
SELECT leased.*, {names(used(Use.QUEUED), "n")}
FROM leased LEFT JOIN notifications n
    ON leased.kind = 'work' AND n.id = leased.subject AND n.id = ANY(ARRAY(SELECT subject FROM leased))
ORDER BY leased.available_at
"""

CONFIRM_OUTBOX = """
DELETE FROM outbox o USING unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS taken (subject, kind, leased_until)
WHERE o.subject = ANY($1::uuid[]) AND o.subject = taken.subject AND o.kind = taken.kind
  AND (taken.leased_until IS NULL OR o.available_at = taken.leased_until)
  AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
"""
"""Commits asynchronously: a row restored after a crash of the server is published again, which is harmless."""

OUTBOX_PENDING = f"SELECT count(*) AS pending FROM (SELECT FROM outbox LIMIT {MOST_COUNTED}) AS counted"


async def lease_outbox(
    db: Database, limit: int, lease: timedelta, back: timedelta | None = None
) -> Sequence[OutboxMessage]:
    """As `NotificationStore.lease_outbox`; work whose notification was deleted is deleted."""
    leased = [
        (row, outbox_message(row, row["leased_until"])) for row in await db.fetch(LEASE_OUTBOX, limit, lease, back)
    ]
    await confirm_outbox(db, [OutboxKey(row["subject"], row["kind"]) for row, message in leased if message is None])
    return [message for _, message in leased if message is not None]


async def confirm_outbox(db: Database, keys: Collection[OutboxKey]) -> None:
    """As `NotificationStore.confirm_outbox`."""
    if keys:
        ordered = sorted(keys, key=lambda key: (key.subject, key.kind))
        rows = ((key.subject, key.kind, key.leased_until) for key in ordered)
        await db.fetch(CONFIRM_OUTBOX, *zip(*rows, strict=True))


async def outbox_pending(db: Database) -> int:
    """As `NotificationStore.outbox_pending`."""
    [row] = await db.fetch(OUTBOX_PENDING)
    return int(row["pending"])
