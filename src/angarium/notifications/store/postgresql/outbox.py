# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The outbox on PostgreSQL."""

from angarium.notifications.store.port import MOST_COUNTED

MESSAGE_COLUMNS = {
    "subject": "uuid",
    "kind": "text",
    "exchange": "text",
    "routing_key": "text",
    "body": "bytea",
    "correlation_id": "text",
}
"""What a message brings, with its types."""

LEASE_OUTBOX = """
WITH due AS MATERIALIZED (
    SELECT subject, kind, available_at FROM outbox
    WHERE available_at <= now() AND available_at > coalesce(now() - $3::interval, '-infinity'::timestamptz)
    ORDER BY available_at LIMIT $1 FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE outbox o SET available_at = clock_timestamp() + $2::interval
    FROM due
    WHERE o.subject = ANY(ARRAY(SELECT subject FROM due)) AND o.subject = due.subject AND o.kind = due.kind
    RETURNING o.subject, o.kind, o.exchange, o.routing_key, o.body, o.correlation_id AS message_correlation_id,
        due.available_at
)
SELECT leased.*, n.id, n.tenant, n.request_id, n.channel, n.user_id, n.template_code, n.template_version, n.locale,
    n.priority, n.correlation_id, n.expires_at
FROM leased LEFT JOIN notifications n
    ON leased.kind = 'work' AND n.id = leased.subject AND n.id = ANY(ARRAY(SELECT subject FROM leased))
ORDER BY leased.available_at
"""

CONFIRM_OUTBOX = """
DELETE FROM outbox o USING unnest($1::uuid[], $2::text[]) AS taken (subject, kind)
WHERE o.subject = ANY($1::uuid[]) AND o.subject = taken.subject AND o.kind = taken.kind
  AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
"""
"""Its commit waits for no disk: a row that a crash of the server brings back is published again, which is harmless."""

OUTBOX_PENDING = f"SELECT count(*) AS pending FROM (SELECT FROM outbox LIMIT {MOST_COUNTED}) AS counted"
