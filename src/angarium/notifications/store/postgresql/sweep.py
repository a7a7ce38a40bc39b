# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The sweeper's work on PostgreSQL."""

from angarium.notifications.store import timing
from angarium.notifications.store.postgresql.fragments import (
    DUE_GRACE,
    ENQUEUE,
    LEASE_GRACE,
    NOW_TEXT,
    PENDING_SWEEP,
    RESULT_LEASE,
    arrays,
    interval,
    rfc3339,
)

SWEEP = f"now() + {interval(timing.PENDING_GRACE)}"
DUE_GRACE = interval(timing.DUE_GRACE)
LEASE_GRACE = interval(timing.LEASE_GRACE)
_REQUEUED_SWEEP = f"""now() + least(
    greatest({interval(timing.PENDING_GRACE)}, now() - n.updated_at), {interval(timing.LONGEST_GRACE)})"""
ENQUEUE = """ON CONFLICT (subject, kind) DO UPDATE SET available_at = excluded.available_at"""

ACCEPTED_COLUMNS = {
    "id": "uuid",
    "tenant": "text",
    "caller": "text",
    "request_id": "text",
    "fingerprint": "bytea",
    "channel": "text",
    "user_id": "text",
    "recipient": "json",
    "template_code": "text",
    "template_version": "int4",
    "locale": "text",
    "category": "text",
    "priority": "int2",
    "variables": "json",
    "metadata": "jsonb",
    "policy": "text",
    "correlation_id": "text",
    "traceparent": "text",
    "fallback": "jsonb",
    "fallback_of": "uuid",
    "callback_url": "text",
    "send_at": "timestamptz",
    "expires_at": "timestamptz",
}
"""What an acceptance brings, with its types: the arguments of ACCEPT, in this order, before the outbox lease."""

_ACCEPTED = ", ".join(ACCEPTED_COLUMNS)

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
    FROM (
        SELECT *, coalesce(send_at > now(), false) AS later
        FROM unnest({arrays(ACCEPTED_COLUMNS)}) AS arrays ({_ACCEPTED})
    ) AS given
    ON CONFLICT (tenant, request_id, caller) DO NOTHING
    RETURNING id, status, created_at
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT id, 'work', clock_timestamp() + ${len(ACCEPTED_COLUMNS) + 1}::interval FROM created WHERE status = 'pending'
)
SELECT id, status, created_at FROM created
"""
"""New ones, each with its outbox row; those whose key is taken are not among the rows that come back."""

PRIOR = """
SELECT n.id, n.tenant, n.request_id, n.caller, n.fingerprint, n.status, n.created_at
FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (tenant, request_id, caller)
JOIN notifications n USING (tenant, request_id, caller)
WHERE n.tenant = ANY($1::text[]) AND n.request_id = ANY($2::text[])
"""

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
FROM unnest($1::uuid[]) AS wanted (id)
WHERE n.id = wanted.id AND n.id = ANY($1::uuid[])
  AND (n.status IN ('pending', 'retrying') AND (n.due_at IS NULL OR n.due_at <= now())
       OR n.status = 'sending' AND n.lease_until <= now() AND n.policy <> 'at_most_once'
       OR n.status = 'sending' AND n.claim_token = $2 AND n.lease_until > now())
RETURNING n.id, n.attempts, n.tenant, n.request_id, n.channel, n.user_id, n.recipient, n.template_code,
    n.template_version, n.locale, n.category, n.priority, n.variables, n.correlation_id, n.traceparent, n.policy,
    n.expires_at, n.expires_at <= now() AS expired, n.created_at, n.provider
"""
"""Pending, or due, or its lease is over; or claimed with this very token before, when the answer was lost."""

GIVE_UP = f"""
WITH given_up AS (
    UPDATE notifications n SET
        status = 'unknown', lease_until = NULL, sweep_at = NULL, updated_at = now(),
        reason_code = '{timing.GIVEN_UP_CODE}', reason_message = '{timing.GIVEN_UP_MESSAGE}',
        events = n.events || jsonb_build_object(
            'event', 'unknown', 'at', {NOW_TEXT}, 'status', 'unknown')
    FROM unnest($1::uuid[]) AS wanted (id)
    WHERE n.id = wanted.id AND n.id = ANY($1::uuid[])
      AND n.status = 'sending' AND n.lease_until <= now() AND n.policy = 'at_most_once'
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
UPDATE notifications n SET lease_until = clock_timestamp() + $3::interval
FROM unnest($1::uuid[]) AS wanted (id)
WHERE n.id = wanted.id AND n.id = ANY($1::uuid[]) AND n.status = 'sending' AND n.claim_token = $2
RETURNING n.id
"""
"""`sweep_at` stays: no index changes, so the row is updated in place; the sweeper sees the lease and comes again."""

RESULT_COLUMNS = {
    "id": "uuid",
    "claim_token": "uuid",
    "status": "text",
    "events": "jsonb",
    "reason_code": "text",
    "reason_message": "text",
    "provider": "text",
    "provider_message_id": "text",
    "wait": "interval",
    "given_back": "int4",
}

_RESULTS = ", ".join(RESULT_COLUMNS)

_WRITE = f"""
    UPDATE notifications n SET
        status = r.status,
        attempts = n.attempts - r.given_back,
        lease_until = NULL,
        due_at = now() + r.wait,
        sweep_at = CASE r.status
            WHEN 'pending' THEN coalesce(now() + r.wait + {DUE_GRACE}, {PENDING_SWEEP})
            WHEN 'retrying' THEN now() + r.wait + {DUE_GRACE}
            WHEN 'scheduled' THEN now() + r.wait END,
        reason_code = r.reason_code,
        reason_message = r.reason_message,
        provider = coalesce(r.provider, n.provider),
        provider_message_id = coalesce(r.provider_message_id, n.provider_message_id),
        sent_at = CASE r.status WHEN 'sent' THEN now() ELSE n.sent_at END,
        updated_at = now(),
        events = n.events || r.events
    FROM unnest({arrays(RESULT_COLUMNS)}) AS r ({_RESULTS})
    WHERE n.id = r.id AND n.id = ANY($1::uuid[]) AND n.status = 'sending' AND n.claim_token = r.claim_token
    RETURNING n.id
"""
"""`claim_token` stays, so that a result that is written again can be told from one that came too late."""

RECORD = _WRITE

LETTER_COLUMNS = {
    "id": "uuid",
    "tenant": "text",
    "notification_id": "uuid",
    "channel": "text",
    "template_code": "text",
    "request_id": "text",
    "reason_code": "text",
    "reason_message": "text",
    "attempts": "int4",
    "correlation_id": "text",
    "payload": "text",
}
MESSAGE_COLUMNS = {
    "subject": "uuid",
    "kind": "text",
    "exchange": "text",
    "routing_key": "text",
    "body": "bytea",
    "correlation_id": "text",
}
_LETTERS = ", ".join(LETTER_COLUMNS)
_MESSAGES = ", ".join(MESSAGE_COLUMNS)
_LETTER_ARRAYS = {"claim": "uuid"} | LETTER_COLUMNS
_MESSAGE_ARRAYS = {"claim": "uuid"} | MESSAGE_COLUMNS

RECORD_WITH_LETTERS = f"""
WITH written AS ({_WRITE}),
letters AS (
    INSERT INTO dead_letters ({_LETTERS}, failed_at)
    SELECT {_LETTERS}, now()
    FROM unnest({arrays(_LETTER_ARRAYS, len(RESULT_COLUMNS) + 1)}) AS given (claim, {_LETTERS})
    WHERE claim IN (SELECT written.id FROM written)
    ON CONFLICT (id) DO NOTHING
),
messages AS (
    INSERT INTO outbox ({_MESSAGES}, available_at)
    SELECT {_MESSAGES}, {RESULT_LEASE}
    FROM unnest({arrays(_MESSAGE_ARRAYS, len(RESULT_COLUMNS) + len(_LETTER_ARRAYS) + 1)}) AS given (claim, {_MESSAGES})
    WHERE claim IN (SELECT written.id FROM written)
    ON CONFLICT (subject, kind) DO UPDATE SET
        exchange = excluded.exchange, routing_key = excluded.routing_key, body = excluded.body,
        correlation_id = excluded.correlation_id, available_at = excluded.available_at
)
SELECT id FROM written
"""
"""As RECORD; of letters and messages those whose `claim` (the notification's id) was written."""

WRITTEN_BEFORE = """
SELECT n.id
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS r (id, claim_token, status)
JOIN notifications n USING (id, claim_token, status)
WHERE n.id = ANY($1::uuid[])
"""
"""Which results stand in their rows already: a repetition after an answer that was lost."""

BURY = f"""
WITH letters AS (
    INSERT INTO dead_letters ({_LETTERS}, failed_at)
    SELECT {_LETTERS}, now() FROM unnest({arrays(LETTER_COLUMNS)}) AS given ({_LETTERS})
    ON CONFLICT (id) DO NOTHING
)
INSERT INTO outbox ({_MESSAGES}, available_at)
SELECT {_MESSAGES}, {RESULT_LEASE}
FROM unnest({arrays(MESSAGE_COLUMNS, len(LETTER_COLUMNS) + 1)}) AS given ({_MESSAGES})
ON CONFLICT (subject, kind) DO NOTHING
"""

MOVE = f"""
WITH old AS (
    SELECT id, status FROM notifications WHERE id = $1 AND tenant = $2 FOR NO KEY UPDATE
), moved AS (
    UPDATE notifications n SET
        status = $3::text, due_at = NULL, lease_until = NULL,
        sweep_at = CASE $3::text WHEN 'pending' THEN {PENDING_SWEEP} END,
        reason_code = $5, reason_message = $6,
        sent_at = CASE $3::text WHEN 'sent' THEN now() ELSE n.sent_at END,
        delivered_at = CASE $3::text WHEN 'delivered' THEN now() ELSE n.delivered_at END,
        updated_at = now(),
        events = n.events || $7::jsonb
    FROM old
    WHERE n.id = old.id AND n.id = $1 AND n.status = ANY($4::text[])
    RETURNING n.id
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT id, 'work', now() FROM moved WHERE $3::text = 'pending' {ENQUEUE}
)
SELECT status FROM old
"""

REPLAY = f"""
WITH chosen AS (
    SELECT d.id AS letter, n.id
    FROM dead_letters d JOIN notifications n ON n.id = d.notification_id AND n.tenant = d.tenant
    WHERE d.id = ANY($1::uuid[]) AND d.tenant = $2 AND n.status = 'failed'
    ORDER BY n.id FOR UPDATE OF n, d
), taken AS (
    DELETE FROM dead_letters d USING chosen WHERE d.id = chosen.letter AND d.id = ANY($1::uuid[])
), revived AS (
    UPDATE notifications n SET
        status = 'pending', attempts = 0, claim_token = NULL, lease_until = NULL, due_at = NULL,
        sweep_at = {PENDING_SWEEP}, reason_code = NULL, reason_message = NULL,
        provider = NULL, provider_message_id = NULL, updated_at = now(),
        events = n.events || jsonb_build_object(
            'event', 'replayed', 'at', {NOW_TEXT}, 'status', 'pending')
    WHERE n.id IN (SELECT id FROM chosen) AND n.status = 'failed'
), silenced AS (
    DELETE FROM outbox WHERE subject IN (SELECT id FROM chosen) AND kind = 'dead_letter'
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT DISTINCT id, 'work', now() FROM chosen {ENQUEUE}
)
SELECT letter FROM chosen
"""

DISCARD = """
WITH discarded AS (
    DELETE FROM dead_letters WHERE id = ANY($1::uuid[]) AND tenant = $2 RETURNING id, notification_id
), silenced AS (
    DELETE FROM outbox
    WHERE subject IN (SELECT coalesce(notification_id, id) FROM discarded) AND kind = 'dead_letter'
)
SELECT id FROM discarded
"""

LIVING_LETTERS = "SELECT id FROM dead_letters WHERE id = ANY($1::uuid[])"

FIND_BY_REQUEST = "SELECT id FROM notifications WHERE tenant = $1 AND request_id = $2 LIMIT 2"

LEASE_OUTBOX = """
WITH due AS MATERIALIZED (
    SELECT subject, kind, available_at FROM outbox WHERE available_at <= now()
    ORDER BY available_at LIMIT $1 FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE outbox o SET available_at = clock_timestamp() + $2::interval
    FROM due WHERE o.subject = due.subject AND o.kind = due.kind
    RETURNING o.subject, o.kind, o.exchange, o.routing_key, o.body, o.correlation_id AS message_correlation_id,
        due.available_at
)
SELECT leased.*, n.id, n.tenant, n.request_id, n.channel, n.user_id, n.template_code, n.template_version, n.locale,
    n.priority, n.variables, n.correlation_id, n.expires_at
FROM leased LEFT JOIN notifications n ON leased.kind = 'work' AND n.id = leased.subject
ORDER BY leased.available_at
"""

CONFIRM_OUTBOX = """
DELETE FROM outbox o USING unnest($1::uuid[], $2::text[]) AS taken (subject, kind)
WHERE o.subject = taken.subject AND o.kind = taken.kind AND o.subject = ANY($1::uuid[])
"""

OUTBOX_PENDING = "SELECT count(*) AS pending FROM outbox"

SWEEP = f"""
WITH due AS MATERIALIZED (
    SELECT n.id, CASE
        WHEN n.status = 'scheduled' AND n.due_at > now() THEN 'wait'
        WHEN n.status = 'scheduled' AND n.expires_at <= now() THEN 'expired'
        WHEN n.status = 'scheduled' THEN 'released'
        WHEN n.status = 'sending' AND n.lease_until > now() THEN 'alive'
        WHEN n.status = 'sending' AND n.policy = 'at_most_once' THEN 'unknown'
        WHEN EXISTS (SELECT FROM outbox o WHERE o.subject = n.id AND o.kind = 'work') THEN 'queued'
        ELSE 'requeued' END AS verdict
    FROM notifications n WHERE n.sweep_at <= now()
    ORDER BY n.sweep_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
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
            WHEN 'released' THEN {PENDING_SWEEP}
            WHEN 'queued' THEN {_REQUEUED_SWEEP}
            WHEN 'requeued' THEN {_REQUEUED_SWEEP} END,
        reason_code = CASE verdict
            WHEN 'expired' THEN '{timing.EXPIRED_CODE}' WHEN 'unknown' THEN '{timing.GIVEN_UP_CODE}'
            ELSE n.reason_code END,
        reason_message = CASE verdict
            WHEN 'expired' THEN '{timing.EXPIRED_MESSAGE}' WHEN 'unknown' THEN '{timing.GIVEN_UP_MESSAGE}'
            ELSE n.reason_message END,
        updated_at = CASE WHEN verdict IN ('expired', 'released', 'unknown') THEN now() ELSE n.updated_at END,
        events = CASE WHEN verdict IN ('wait', 'alive', 'queued') THEN n.events
            ELSE n.events || jsonb_build_object(
                'event', CASE WHEN verdict IN ('released', 'requeued') THEN 'published' ELSE verdict END,
                'at', {NOW_TEXT},
                'status', CASE verdict WHEN 'released' THEN 'pending' WHEN 'requeued' THEN n.status ELSE verdict END)
            END
    FROM due WHERE n.id = due.id
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT id, 'work', now() FROM due WHERE verdict IN ('released', 'requeued') {ENQUEUE}
)
SELECT verdict, count(*) AS rows FROM due GROUP BY verdict
"""

REQUEUE_UNFINISHED = f"""
WITH released AS (
    UPDATE outbox SET available_at = now() WHERE available_at > now() AND kind <> 'work'
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT id, 'work', now() FROM notifications
    WHERE sweep_at IS NOT NULL AND status IN ('pending', 'retrying', 'sending')
    {ENQUEUE}
    RETURNING subject
)
SELECT count(*) AS rows FROM queued
"""

_REQ
