# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Acceptance on PostgreSQL."""

from angarium.notifications.store.postgresql.sql import PENDING_SWEEP, arrays, rfc3339

COLUMNS = {
    "id": "uuid",
    "tenant": "text",
    "caller": "text",
    "request_id": "text",
    "fingerprint": "bytea",
    "channel": "text",
    "user_id": "text",
    "template_code": "text",
    "template_version": "int4",
    "locale": "text",
    "category": "text",
    "priority": "int2",
    "variables": "json",
    "correlation_id": "text",
    "traceparent": "text",
    "recipient": "json",
    "metadata": "jsonb",
    "policy": "text",
    "test": "bool",
    "fallback": "jsonb",
    "fallback_of": "uuid",
    "callback_url": "text",
    "send_at": "timestamptz",
    "expires_at": "timestamptz",
}
"""What an acceptance brings, with its types."""

_ACCEPTED = ", ".join(COLUMNS)

ACCEPT = f"""
WITH moment AS (SELECT {rfc3339("now()")} AS text),
opening AS (
    SELECT jsonb_build_array(jsonb_build_object('event', 'accepted', 'at', text, 'status', 'pending')) AS pending,
           jsonb_build_object('event', 'accepted', 'at', text, 'status', 'scheduled') AS scheduled
    FROM moment
),
created AS (
    INSERT INTO notifications ({_ACCEPTED}, status, attempts, due_at, sweep_at, events, created_at, updated_at)
    SELECT {_ACCEPTED},
        CASE WHEN later THEN 'scheduled' ELSE 'pending' END,
        0,
        CASE WHEN later THEN send_at END,
        CASE WHEN later THEN send_at ELSE {PENDING_SWEEP} END,
        CASE WHEN later THEN jsonb_build_array(
            (SELECT scheduled FROM opening),
            jsonb_build_object('event', 'scheduled', 'at', (SELECT text FROM moment), 'status', 'scheduled',
                               'next_at', {rfc3339("send_at")}))
        ELSE (SELECT pending FROM opening) END,
        now(), now()
    FROM (SELECT *, coalesce(send_at > now(), false) AS later FROM (
        SELECT * FROM unnest({arrays(COLUMNS)}) AS arrays ({_ACCEPTED})
    ) AS given) AS judged
    ON CONFLICT (request_id, tenant, caller) DO NOTHING
    RETURNING id, status, created_at
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT id, 'work', clock_timestamp() + ${len(COLUMNS) + 1}::interval FROM created WHERE status = 'pending'
)
SELECT id, status, created_at FROM created
"""
"""New ones, each with its outbox row; those whose key is taken are not among the rows that come back.

Arguments: an array for each column, then the outbox lease.
"""

PRIOR = """
SELECT n.id, n.tenant, n.request_id, n.caller, n.fingerprint, n.status, n.created_at
FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (tenant, request_id, caller)
CROSS JOIN LATERAL (
    SELECT * FROM notifications n
    WHERE n.request_id = wanted.request_id AND (n.tenant = wanted.tenant AND n.caller = wanted.caller) IS TRUE
    LIMIT 1
) AS n
"""
