# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The claim on PostgreSQL."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from angarium.notifications.model import LeaseOf, Renewed, Verdict
from angarium.notifications.store import timing
from angarium.notifications.store.postgresql.sql import LEASE_GRACE, NOW_TEXT, Database, names
from angarium.notifications.store.record import Use, used
from angarium.notifications.store.rows import claimed, refused

CLAIM = f"""
UPDATE notifications n SET
    status = 'sending',
    attempts = n.attempts + CASE WHEN n.status = 'sending' AND n.claim_token = $2 THEN 0 ELSE 1 END,
    claim_token = $2,
    lease_until = clock_timestamp() + $3::interval,
    due_at = NULL,
    sweep_at = clock_timestamp() + $3::interval + {LEASE_GRACE},
    updated_at = now(),
    events = CASE WHEN n.status = 'sending' AND n.claim_token = $2 THEN n.events
        ELSE n.events || jsonb_build_object(
            'event', 'claimed', 'at', {NOW_TEXT}, 'attempt', n.attempts + 1, 'worker', $4::text)
        END
WHERE n.id = ANY($1::uuid[])
  AND (n.status IN ('pending', 'retrying') AND (n.due_at IS NULL OR n.due_at <= now())
       OR n.status = 'sending' AND n.lease_until <= now() AND n.policy <> 'at_most_once'
       OR n.status = 'sending' AND n.claim_token = $2 AND n.lease_until > now())
RETURNING {names(used(Use.CLAIMED), "n")}, n.attempts AS attempt, n.expires_at <= now() AS expired,
    CASE WHEN n.attempts > 1 THEN n.events END AS history
"""
"""Takes rows that are pending, due, or have an expired lease, and rows already claimed with this token, if the answer
was lost."""

GIVE_UP = f"""
WITH given_up AS (
    UPDATE notifications n SET
        status = 'unknown', lease_until = NULL, sweep_at = NULL, updated_at = now(),
        reason_code = '{timing.GIVEN_UP_CODE}', reason_message = '{timing.GIVEN_UP_MESSAGE}',
        events = n.events || jsonb_build_object(
            'event', 'unknown', 'at', {NOW_TEXT}, 'status', 'unknown')
    WHERE n.id = ANY($1::uuid[])
      AND (n.status = 'sending' AND n.lease_until <= now() AND n.policy = 'at_most_once') IS TRUE
    RETURNING n.id
)
SELECT n.id,
    CASE WHEN given_up.id IS NULL THEN n.status ELSE 'unknown' END AS status,
    CASE n.status WHEN 'sending' THEN n.lease_until - now() ELSE coalesce(n.due_at - now(), interval '0') END AS wait
FROM notifications n LEFT JOIN given_up ON given_up.id = n.id
WHERE n.id = ANY($1::uuid[])
"""
"""Handles the rows that CLAIM did not take."""

RENEW = """
WITH mine AS MATERIALIZED (
    SELECT n.id FROM unnest($1::uuid[], $2::uuid[]) AS held (id, claim_token) JOIN notifications n USING (id)
    WHERE n.id = ANY($1::uuid[]) AND (n.status = 'sending' AND n.claim_token = held.claim_token) IS TRUE
    FOR NO KEY UPDATE OF n SKIP LOCKED
)
UPDATE notifications n SET lease_until = clock_timestamp() + $3::interval
WHERE n.id = ANY(ARRAY(SELECT id FROM mine))
RETURNING n.id, n.claim_token
"""
"""Skips locked rows: one row locked by an operator's transaction must not let the other leases expire.

`sweep_at` does not change, so no index is updated (HOT); the sweeper sees the lease and checks again later."""

STILL_HELD = """
SELECT n.id, n.claim_token
FROM unnest($1::uuid[], $2::uuid[]) AS held (id, claim_token) JOIN notifications n USING (id)
WHERE n.id = ANY($1::uuid[]) AND (n.status = 'sending' AND n.claim_token = held.claim_token) IS TRUE
"""
"""The valid leases that RENEW did not renew, because their rows are locked."""


async def claim(db: Database, ids: Collection[UUID], token: UUID, lease: timedelta, worker: str) -> Sequence[Verdict]:
    """As `NotificationStore.claim`."""
    wanted = sorted(ids)
    if not wanted:
        return []
    rows = await db.fetch(CLAIM, wanted, token, lease, worker)
    verdicts: list[Verdict] = [claimed(row, token) for row in rows]
    if len(rows) < len(wanted):
        taken = {row["id"] for row in rows}
        left = [identifier for identifier in wanted if identifier not in taken]
        verdicts += refused(left, await db.fetch(GIVE_UP, left))
    return verdicts


async def renew(db: Database, leases: Collection[LeaseOf], lease: timedelta) -> Renewed:
    """As `NotificationStore.renew`."""
    if not leases:
        return Renewed((), ())
    prolonged = await _fetch_leases(db, RENEW, leases, lease)
    left = set(leases) - prolonged
    held = await _fetch_leases(db, STILL_HELD, left) if left else set()
    return Renewed(prolonged, left - held)


async def _fetch_leases(db: Database, statement: str, leases: Collection[LeaseOf], *more: timedelta) -> set[LeaseOf]:
    rows = await db.fetch(statement, *zip(*sorted(leases), strict=True), *more)
    return {(row["id"], row["claim_token"]) for row in rows}
