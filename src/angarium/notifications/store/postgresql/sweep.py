# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The sweep on PostgreSQL."""

from datetime import timedelta

from angarium.contracts.notifications import URGENT_PRIORITY
from angarium.notifications.model import NO_WAITS, Patience, SweepReport
from angarium.notifications.store import timing
from angarium.notifications.store.postgresql.sql import (
    ENQUEUE,
    LEASE_GRACE,
    NOW_TEXT,
    PENDING_SWEEP,
    Database,
    interval,
)
from angarium.notifications.store.rows import sweep_report

_LANE = f"n.channel || CASE WHEN n.priority >= {URGENT_PRIORITY} THEN '.urgent' ELSE '' END"
_PUBLISHED_AT = """greatest(
    CASE n.status WHEN 'sending' THEN n.lease_until ELSE coalesce(n.due_at, n.updated_at) END,
    CASE WHEN n.events -> -1 ->> 'event' = 'published' THEN (n.events -> -1 ->> 'at')::timestamptz END)"""
"""When the last message of an overdue row was published or returned to its queue."""
_REQUEUED_SWEEP = f"""now() + least(
    greatest({interval(timing.PENDING_GRACE)}, now() - n.updated_at), {interval(timing.LONGEST_GRACE)})"""
_WAITING_SWEEP = f"""now() + least(
    greatest({interval(timing.DUE_GRACE)}, now() - {_PUBLISHED_AT}), {interval(timing.LONGEST_GRACE)})"""

SWEEP = f"""
WITH chosen AS MATERIALIZED (
    SELECT n.id, n.channel, CASE
        WHEN n.status = 'scheduled' AND n.due_at > now() THEN 'wait'
        WHEN n.status = 'scheduled' AND n.expires_at <= now() THEN 'expired'
        WHEN n.status = 'scheduled' THEN 'released'
        WHEN n.status = 'sending' AND n.lease_until > now() THEN 'alive'
        WHEN n.status = 'sending' AND $3::boolean THEN 'spared'
        WHEN n.status = 'sending' AND n.policy = 'at_most_once' THEN 'unknown'
        WHEN {_PUBLISHED_AT} > now() - lanes.wait THEN 'waiting'
        ELSE 'overdue' END AS first_look
    FROM notifications n LEFT JOIN unnest($4::text[], $5::interval[]) AS lanes (key, wait) ON lanes.key = {_LANE}
    WHERE n.sweep_at <= now() AND n.sweep_at > coalesce(now() - $2::interval, '-infinity'::timestamptz)
    ORDER BY n.sweep_at LIMIT $1 FOR NO KEY UPDATE OF n SKIP LOCKED
), queued_already AS MATERIALIZED (
    SELECT subject FROM outbox WHERE subject = ANY(ARRAY(SELECT id FROM chosen)) AND kind = 'work'
), due AS MATERIALIZED (
    SELECT id, channel, CASE WHEN first_look <> 'overdue' THEN first_look
        WHEN id IN (SELECT subject FROM queued_already) THEN 'queued'
        ELSE 'requeued' END AS verdict
    FROM chosen
), swept AS (
    UPDATE notifications n SET
        status = CASE verdict
            WHEN 'expired' THEN 'expired' WHEN 'released' THEN 'pending' WHEN 'unknown' THEN 'unknown'
            ELSE n.status END,
        due_at = CASE WHEN verdict IN ('expired', 'released') THEN NULL ELSE n.due_at END,
        lease_until = CASE verdict WHEN 'unknown' THEN NULL ELSE n.lease_until END,
        sweep_at = CASE verdict
            WHEN 'wait' THEN n.due_at
            WHEN 'alive' THEN n.lease_until + {LEASE_GRACE}
            WHEN 'spared' THEN now() + {LEASE_GRACE}
            WHEN 'waiting' THEN {_WAITING_SWEEP}
            WHEN 'released' THEN {PENDING_SWEEP}
            WHEN 'queued' THEN {_REQUEUED_SWEEP}
            WHEN 'requeued' THEN {_REQUEUED_SWEEP} END,
        reason_code = CASE verdict
            WHEN 'expired' THEN '{timing.EXPIRED_CODE}' WHEN 'unknown' THEN '{timing.GIVEN_UP_CODE}'
            WHEN 'released' THEN NULL ELSE n.reason_code END,
        reason_message = CASE verdict
            WHEN 'expired' THEN '{timing.EXPIRED_MESSAGE}' WHEN 'unknown' THEN '{timing.GIVEN_UP_MESSAGE}'
            WHEN 'released' THEN NULL ELSE n.reason_message END,
        updated_at = CASE WHEN verdict IN ('expired', 'released', 'unknown') THEN now() ELSE n.updated_at END,
        events = CASE WHEN verdict IN ('wait', 'alive', 'spared', 'queued', 'waiting') THEN n.events
            ELSE n.events || jsonb_build_object(
                'event', CASE WHEN verdict IN ('released', 'requeued') THEN 'published' ELSE verdict END,
                'at', {NOW_TEXT},
                'status', CASE verdict WHEN 'released' THEN 'pending' WHEN 'requeued' THEN n.status ELSE verdict END)
            END
    FROM due WHERE n.id = ANY(ARRAY(SELECT id FROM due)) AND n.id = due.id
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT id, 'work', now() FROM due WHERE verdict IN ('released', 'requeued') {ENQUEUE}
)
SELECT verdict, count(*) AS rows, NULL::uuid AS id, NULL::text AS channel FROM due GROUP BY verdict
UNION ALL SELECT verdict, NULL, id, channel FROM due WHERE verdict IN ('expired', 'unknown')
"""

REQUEUE_UNFINISHED = f"""
WITH released AS (
    UPDATE outbox SET available_at = now() WHERE available_at > now() AND kind <> 'work'
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT id, 'work', now() FROM notifications
    WHERE sweep_at IS NOT NULL AND (status IN ('pending', 'retrying', 'sending')) IS TRUE
    {ENQUEUE}
    RETURNING subject
)
SELECT count(*) AS rows FROM queued
"""


async def sweep(db: Database, limit: int, back: timedelta | None = None, patience: Patience = NO_WAITS) -> SweepReport:
    """As `NotificationStore.sweep`."""
    lanes, waits = list(patience.lanes), list(patience.lanes.values())
    rows = await db.fetch(SWEEP, limit, back, patience.claims, lanes, waits)
    counts = {row["verdict"]: row["rows"] for row in rows if row["id"] is None}
    return sweep_report(counts, [row for row in rows if row["id"] is not None])


async def requeue_unfinished(db: Database) -> int:
    """As `NotificationStore.requeue_unfinished`."""
    [row] = await db.fetch(REQUEUE_UNFINISHED)
    return int(row["rows"])
