# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Acceptance on PostgreSQL."""

from angarium.contracts.statuses import DeliveryPolicy
from angarium.notifications.store.postgresql.sql import PENDING_SWEEP, arrays, rfc3339

ORDINARY_COLUMNS = {
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
}
"""What every acceptance brings, with its types."""

RARE_COLUMNS = {
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
"""What most acceptances leave as it is by itself (`rows.PLAIN`)."""

_ORDINARY = ", ".join(ORDINARY_COLUMNS)
_ACCEPTED = ", ".join(ORDINARY_COLUMNS | RARE_COLUMNS)

_ACCEPT = """
WITH moment AS (SELECT {now} AS text),
opening AS (
    SELECT jsonb_build_array(jsonb_build_object('event', 'accepted', 'at', text, 'status', 'pending')) AS pending,
           jsonb_build_object('event', 'accepted', 'at', text, 'status', 'scheduled') AS scheduled
    FROM moment
),
created AS (
    INSERT INTO notifications ({accepted}, status, attempts, due_at, sweep_at, events, created_at, updated_at)
    SELECT {accepted},
        CASE WHEN later THEN 'scheduled' ELSE 'pending' END,
        0,
        CASE WHEN later THEN send_at END,
        CASE WHEN later THEN send_at ELSE {sweep} END,
        CASE WHEN later THEN jsonb_build_array(
            (SELECT scheduled FROM opening),
            jsonb_build_object('event', 'scheduled', 'at', (SELECT text FROM moment), 'status', 'scheduled',
                               'next_at', {next_at}))
        ELSE (SELECT pending FROM opening) END,
        now(), now()
    FROM (SELECT *, coalesce(send_at > now(), false) AS later FROM ({given}) AS given) AS judged
    ON CONFLICT (request_id, tenant, caller) DO NOTHING
    RETURNING id, status, created_at
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT id, 'work', clock_timestamp() + ${lease}::interval FROM created WHERE status = 'pending'
)
SELECT id, status, created_at FROM created
"""


def _accept(given: str, arguments: int) -> str:
    return _ACCEPT.format(
        accepted=_ACCEPTED,
        given=given,
        lease=arguments + 1,
        now=rfc3339("now()"),
        next_at=rfc3339("send_at"),
        sweep=PENDING_SWEEP,
    )


ACCEPT = _accept(
    f"SELECT * FROM unnest({arrays(ORDINARY_COLUMNS | RARE_COLUMNS)}) AS arrays ({_ACCEPTED})",
    len(ORDINARY_COLUMNS | RARE_COLUMNS),
)
"""New ones, each with its outbox row; those whose key is taken are not among the rows that come back.

Arguments: an array for each column, then the outbox lease.
"""

ACCEPT_PLAIN = _accept(
    f"""
    SELECT *, NULL::json AS recipient, '{{}}'::jsonb AS metadata, '{DeliveryPolicy.AT_LEAST_ONCE}' AS policy,
        false AS test, '[]'::jsonb AS fallback, NULL::uuid AS fallback_of, NULL AS callback_url,
        NULL::timestamptz AS send_at, NULL::timestamptz AS expires_at
    FROM unnest({arrays(ORDINARY_COLUMNS)}) AS arrays ({_ORDINARY})
    """,
    len(ORDINARY_COLUMNS),
)
"""The same for a batch in which no rare column says anything: a third fewer values to send and to take apart."""

PRIOR = """
SELECT n.id, n.tenant, n.request_id, n.caller, n.fingerprint, n.status, n.created_at
FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (tenant, request_id, caller)
CROSS JOIN LATERAL (
    SELECT * FROM notifications n
    WHERE n.request_id = wanted.request_id AND (n.tenant = wanted.tenant AND n.caller = wanted.caller) IS TRUE
    LIMIT 1
) AS n
"""
