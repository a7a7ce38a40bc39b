# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Results and manual moves on PostgreSQL."""

from collections.abc import Collection, Sequence
from uuid import UUID

from angarium.contracts.statuses import TRANSITIONS, Channel, Status
from angarium.notifications.model import Event, Reason, Result
from angarium.notifications.store import timeline
from angarium.notifications.store.arguments import (
    Values,
    columns,
    dead_letter_values,
    first_of_each,
    is_sent,
    message_values,
    result_values,
    sent_columns,
)
from angarium.notifications.store.postgresql.sql import (
    DUE_GRACE,
    ENQUEUE,
    PENDING_SWEEP,
    RESULT_LEASE,
    Database,
    arrays,
)
from angarium.notifications.store.record import DEAD_LETTER, MESSAGE, RESULT, SENT, Kind
from angarium.notifications.store.timeline import encode_events
from angarium.platform.database.postgresql_pool import Record

_LETTERS = ", ".join(DEAD_LETTER)
_MESSAGES = ", ".join(MESSAGE)
_RESULTS = ", ".join(RESULT)

_KINDS = ", ".join(f"'{kind}'" for kind in timeline.FOLDED)
_KEY = ", ".join(f"entry -> '{name}'" for name in timeline.FOLDED_BY)
_FOLDED = f"""(
    SELECT jsonb_agg(line ORDER BY place) FROM (
        SELECT max(place) AS place, CASE WHEN count(*) = 1 THEN (array_agg(entry))[1]
            ELSE (array_agg(entry ORDER BY place DESC))[1] || jsonb_build_object(
                'times', sum(coalesce((entry ->> 'times')::int, 1)),
                'since', (array_agg(coalesce(entry -> 'since', entry -> 'at') ORDER BY place))[1])
            END AS line
        FROM (
            SELECT entry, place, max(place) FILTER (WHERE entry ->> 'event' NOT IN ({_KINDS})) OVER () AS before
            FROM jsonb_array_elements(n.events || r.events) WITH ORDINALITY AS told (entry, place)
        ) AS told
        GROUP BY CASE WHEN place > coalesce(before, 0) THEN jsonb_build_array({_KEY}) ELSE to_jsonb(place) END
    ) AS folded
)"""
"""As `timeline.folded`."""

RECORD = f"""
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
        events = CASE WHEN r.status = 'pending' THEN {_FOLDED} ELSE n.events || r.events END
    FROM unnest({arrays(RESULT)}) AS r ({_RESULTS})
    WHERE n.id = ANY($1::uuid[]) AND n.id = r.id AND (n.status = 'sending' AND n.claim_token = r.claim_token) IS TRUE
    RETURNING n.id
"""
"""`claim_token` is kept, so that a repeated result can be distinguished from a late one."""

RECORD_SENT = f"""
    UPDATE notifications n SET
        status = 'sent',
        lease_until = NULL,
        due_at = NULL,
        sweep_at = NULL,
        reason_code = NULL,
        reason_message = NULL,
        provider = coalesce(r.provider, n.provider),
        provider_message_id = coalesce(r.provider_message_id, n.provider_message_id),
        sent_at = now(),
        updated_at = now(),
        events = n.events || r.events
    FROM unnest({arrays(SENT)}) AS r ({", ".join(SENT)})
    WHERE n.id = ANY($1::uuid[]) AND n.id = r.id AND (n.status = 'sending' AND n.claim_token = r.claim_token) IS TRUE
    RETURNING n.id
"""
"""As RECORD, for a batch of successful sends: half the values to send and parse."""

_LETTER_ARRAYS = {"claim": Kind.ID, **DEAD_LETTER}
_MESSAGE_ARRAYS = {"claim": Kind.ID, **MESSAGE}

RECORD_WITH_LETTERS = f"""
WITH written AS ({RECORD}),
letters AS (
    INSERT INTO dead_letters ({_LETTERS}, failed_at)
    SELECT {_LETTERS}, now()
    FROM unnest({arrays(_LETTER_ARRAYS, len(RESULT) + 1)}) AS given (claim, {_LETTERS})
    WHERE claim IN (SELECT written.id FROM written)
    ON CONFLICT (id) DO NOTHING
),
messages AS (
    INSERT INTO outbox ({_MESSAGES}, available_at)
    SELECT {_MESSAGES}, {RESULT_LEASE}
    FROM unnest({arrays(_MESSAGE_ARRAYS, len(RESULT) + len(_LETTER_ARRAYS) + 1)}) AS given (claim, {_MESSAGES})
    WHERE claim IN (SELECT written.id FROM written)
    ON CONFLICT (subject, kind) DO UPDATE SET
        exchange = excluded.exchange, routing_key = excluded.routing_key, body = excluded.body,
        correlation_id = excluded.correlation_id, available_at = excluded.available_at
)
SELECT id FROM written
"""
"""As RECORD, with the dead letters and messages whose `claim` (the notification's id) was written."""

WRITTEN_BEFORE = """
SELECT n.id
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS r (id, claim_token, status)
JOIN notifications n USING (id)
WHERE n.id = ANY($1::uuid[]) AND (n.claim_token = r.claim_token AND n.status = r.status) IS TRUE
"""
"""The results that their rows already contain: repetitions after a lost answer."""

MOVE = f"""
WITH old AS (
    SELECT id, status FROM notifications
    WHERE id = $1 AND (tenant = $2 AND ($8::text IS NULL OR channel = $8::text)) IS TRUE FOR NO KEY UPDATE
), moved AS (
    UPDATE notifications n SET
        status = $3::text, due_at = NULL, lease_until = NULL,
        sweep_at = CASE $3::text WHEN 'pending' THEN {PENDING_SWEEP} END,
        reason_code = $5, reason_message = $6,
        sent_at = CASE $3::text WHEN 'sent' THEN now() ELSE n.sent_at END,
        delivered_at = CASE $3::text WHEN 'delivered' THEN $9::timestamptz ELSE n.delivered_at END,
        updated_at = now(),
        events = n.events || $7::jsonb
    FROM old
    WHERE n.id = $1 AND n.id = old.id AND (n.status = ANY($4::text[])) IS TRUE
    RETURNING n.id
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT id, 'work', now() FROM moved WHERE $3::text = 'pending' {ENQUEUE}
)
SELECT status FROM old
"""


async def record(db: Database, results: Sequence[Result]) -> Sequence[bool]:
    """As `NotificationStore.record`."""
    firsts = first_of_each(results)
    if not firsts:
        return []
    written = {row["id"] for row in await _write(db, firsts)}
    late = [result for result in firsts if result.id not in written]
    if late:
        written |= await _written_before(db, late)
    first = {id(result) for result in firsts}
    return [id(result) in first and result.id in written for result in results]


async def _write(db: Database, results: Sequence[Result]) -> Sequence[Record]:
    if db.fast_paths and all(map(is_sent, results)):
        return await db.fetch(RECORD_SENT, *sent_columns(results))
    rows = columns(RESULT, map(result_values, results))
    dead: list[Values] = [
        {"claim": result.id, **dead_letter_values(result.dead_letter)} for result in results if result.dead_letter
    ]
    messages: list[Values] = [
        {"claim": result.id, **message_values(message)} for result in results for message in result.outbox
    ]
    if not dead and not messages:
        return await db.fetch(RECORD, *rows)
    return await db.fetch(
        RECORD_WITH_LETTERS, *rows, *columns(_LETTER_ARRAYS, dead), *columns(_MESSAGE_ARRAYS, messages)
    )


async def _written_before(db: Database, results: Sequence[Result]) -> set[UUID]:
    keys = [(result.id, result.claim_token, result.status) for result in results]
    return {row["id"] for row in await db.fetch(WRITTEN_BEFORE, *zip(*keys, strict=True))}


async def move(
    db: Database, notification_id: UUID, tenant: str, to: Status, event: Event,
    reason: Reason | None = None, among: Collection[Status] | None = None, channel: Channel | None = None,
) -> Status | None:  # fmt: skip
    """As `NotificationStore.move`."""
    sources = [old for old in _movable_to(to) if among is None or old in among]
    code, words = (reason.code, reason.message) if reason else (None, None)
    events = encode_events([event])
    rows = await db.fetch(MOVE, notification_id, tenant, to, sources, code, words, events, channel, event.at)
    return Status(rows[0]["status"]) if rows else None


def _movable_to(status: Status) -> list[str]:
    """The states from which MOVE may lead to `status`; only its worker may end a claim."""
    return sorted(old for old, targets in TRANSITIONS.items() if status in targets and old is not Status.SENDING)
