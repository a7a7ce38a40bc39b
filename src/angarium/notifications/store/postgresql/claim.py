# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The claim on PostgreSQL."""

from angarium.notifications.store import timing
from angarium.notifications.store.postgresql.sql import LEASE_GRACE, NOW_TEXT

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
RETURNING n.id, n.attempts, n.tenant, n.request_id, n.channel, n.user_id, n.recipient, n.template_code,
    n.template_version, n.locale, n.category, n.priority, n.variables, n.correlation_id, n.traceparent, n.policy,
    n.expires_at, n.expires_at <= now() AS expired, n.created_at, n.provider, n.test,
    n.fallback, n.metadata, CASE WHEN n.attempts > 1 THEN n.events END AS history
"""
"""Pending, or due, or its lease is over; or claimed with this very token before, when the answer was lost."""

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
"""What became of those that CLAIM did not take."""

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
"""Skips what is locked: one row that an operator's transaction holds must not let the other leases end.

`sweep_at` stays: no index changes, so the row is updated in place; the sweeper sees the lease and comes again."""
