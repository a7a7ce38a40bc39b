# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Results and manual moves on MariaDB and MySQL."""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from angarium.contracts.statuses import Channel, Status, may_become
from angarium.notifications.model import Event, Reason, Result
from angarium.notifications.store.arguments import first_of_each, is_sent, result_values
from angarium.notifications.store.mysql import attachments, dead_letters, outbox
from angarium.notifications.store.mysql.sql import (
    NOW,
    NOW_TEXT,
    PENDING_SWEEP,
    Database,
    Row,
    append,
    appendix,
    as_rows,
    id_list,
    listed,
    micros,
    moment,
    rows_of,
)
from angarium.notifications.store.record import RESULT, SENT, Kind, Use, used
from angarium.notifications.store.timeline import encode_events, folded
from angarium.notifications.store.timing import DUE_GRACE
from angarium.notifications.store.triggers.fallback import REQUEST_ID
from angarium.notifications.store.triggers.sql import mysql_shown, mysql_uuid7
from angarium.platform.database.mysql_pool import Session

_DUE = f"{NOW} + INTERVAL r.wait MICROSECOND"
_CLAIMS: Mapping[str, Kind] = {name: RESULT[name] for name in ("id", "claim_token", "status")}
_COPIED = listed(column.name for column in used(Use.COPIED))

LOCK = "SELECT id, status, claim_token, events FROM notifications FORCE INDEX (PRIMARY) WHERE id IN %s FOR UPDATE"

RECORD = f"""
UPDATE {rows_of(RESULT)} STRAIGHT_JOIN notifications n FORCE INDEX (PRIMARY) ON n.id = r.id SET
    n.status = r.status,
    n.attempts = n.attempts - r.given_back,
    n.lease_until = NULL,
    n.due_at = {_DUE},
    n.sweep_at = CASE r.status
        WHEN 'pending' THEN COALESCE({_DUE} + INTERVAL {micros(DUE_GRACE)} MICROSECOND, {PENDING_SWEEP})
        WHEN 'retrying' THEN {_DUE} + INTERVAL {micros(DUE_GRACE)} MICROSECOND
        WHEN 'scheduled' THEN {_DUE} END,
    n.reason_code = r.reason_code,
    n.reason_message = r.reason_message,
    n.provider = COALESCE(r.provider, n.provider),
    n.provider_message_id = COALESCE(r.provider_message_id, n.provider_message_id),
    n.sent_at = IF(r.status = 'sent', {NOW}, n.sent_at),
    n.updated_at = {NOW},
    n.events = IF(r.status = 'pending', r.events, {append("r.events", "n")})
WHERE n.status = 'sending' AND n.claim_token = r.claim_token
"""
"""Appends events; for the result `pending` they replace the timeline.

`claim_token` is kept, so that a repeated result can be distinguished from a late one.
"""

RECORD_SENT = f"""
UPDATE {rows_of(SENT)} STRAIGHT_JOIN notifications n FORCE INDEX (PRIMARY) ON n.id = r.id SET
    n.status = 'sent', n.lease_until = NULL, n.due_at = NULL, n.sweep_at = NULL,
    n.reason_code = NULL, n.reason_message = NULL,
    n.provider = COALESCE(r.provider, n.provider),
    n.provider_message_id = COALESCE(r.provider_message_id, n.provider_message_id),
    n.sent_at = {NOW}, n.updated_at = {NOW},
    n.events = {append("r.events", "n")}
WHERE n.status = 'sending' AND n.claim_token = r.claim_token
"""
"""As RECORD, for a batch of successful sends: one statement without reading rows first."""

WRITTEN_BEFORE = f"""
SELECT n.id FROM {rows_of(_CLAIMS)} STRAIGHT_JOIN notifications n FORCE INDEX (PRIMARY) ON n.id = r.id
WHERE n.claim_token = r.claim_token AND n.status = r.status
"""
"""The results that their rows already contain: repetitions after a lost answer."""

MOVABLE = "SELECT status, channel FROM notifications WHERE id = %s AND tenant = %s FOR UPDATE"
MOVE = f"""
UPDATE notifications SET
    events = {append("%s")},
    status = %s, due_at = NULL, lease_until = NULL,
    sweep_at = IF(status = 'pending', {PENDING_SWEEP}, NULL),
    reason_code = %s, reason_message = %s,
    sent_at = IF(status = 'sent', {NOW}, sent_at),
    delivered_at = IF(status = 'delivered', %s, delivered_at),
    updated_at = {NOW}
WHERE id = %s
"""
"""Assignments are evaluated in order: those after `status` read its new value."""

NEXT_ID = f"SELECT {mysql_uuid7(NOW)} AS id"
FALL_BACK = f"""
INSERT INTO notifications (id, caller, request_id, channel, fallback, fallback_of, status, attempts, sweep_at, events,
    created_at, updated_at, {_COPIED})
SELECT %s, CONCAT(LEFT(o.caller, 200), '#', o.id), {REQUEST_ID.format(row="o")},
    JSON_UNQUOTE(JSON_EXTRACT(o.fallback, '$[0]')), JSON_REMOVE(o.fallback, '$[0]'), COALESCE(o.fallback_of, o.id),
    'pending', 0, {PENDING_SWEEP},
    CONCAT('[{{"event":"accepted","at":"', {NOW_TEXT}, '","status":"pending","fallback_of":"',
        {mysql_shown("o.id")}, '"}}]'),
    {NOW}, {NOW}, {listed((column.name for column in used(Use.COPIED)), "o")}
FROM notifications AS o WHERE o.id = %s AND o.status = 'failed' AND o.fallback <> '[]'
ON DUPLICATE KEY UPDATE notifications.id = notifications.id
"""
"""Inserts the notification for the next channel; see `triggers.fallback`."""
FELL_BACK = f"""
UPDATE notifications SET events = {
    append(
        f'''CONCAT(',{{"event":"fallback","at":"', {NOW_TEXT}, '","notification_id":"', {mysql_shown("%s")},
        '","notification_type":', JSON_EXTRACT(fallback, '$[0]'), '}}]')'''
    )
}
WHERE id = %s
"""


async def record(db: Database, results: Sequence[Result]) -> Sequence[bool]:
    """As `NotificationStore.record`."""
    firsts = first_of_each(results)
    if not firsts:
        return []
    if db.fast_paths and all(map(is_sent, firsts)):
        done = await db.run(RECORD_SENT, as_rows(SENT, map(_appended, firsts)))
        written = {result.id for result in firsts} if done.changed == len(firsts) else set()
    else:
        written = await db.transaction(partial(_record, results=firsts))
    late = [result for result in firsts if result.id not in written]
    if late:
        written |= await _written_before(db, late)
    first = {id(result) for result in firsts}
    return [id(result) in first and result.id in written for result in results]


async def _record(session: Session, results: Sequence[Result]) -> set[UUID]:
    rows = {UUID(row["id"]): row for row in await session.fetch(LOCK, id_list(result.id for result in results))}
    held = [result for result in results if _holds(result, rows.get(result.id))]
    if held:
        changes = [_change(result, rows[result.id]["events"]) for result in held]
        await session.run(RECORD, as_rows(RESULT, changes))
        await dead_letters.put(session, [result.dead_letter for result in held if result.dead_letter])
        await outbox.put(session, [message for result in held for message in result.outbox])
        for result in held:
            if result.status is Status.FAILED:
                await _fall_back(session, result.id)
    return {result.id for result in held}


def _holds(result: Result, row: Row | None) -> bool:
    return row is not None and row["status"] == Status.SENDING and row["claim_token"] == result.claim_token.hex


def _change(result: Result, before: str) -> Mapping[str, Any]:
    values = _appended(result)
    if result.status is not Status.PENDING:
        return values
    events = folded(json.loads(before[:-1] + values["events"]))
    return {**values, "events": json.dumps(events, ensure_ascii=False, separators=(",", ":"))}


def _appended(result: Result) -> dict[str, Any]:
    values = result_values(result)
    return {**values, "events": appendix(values["events"])}


async def _written_before(db: Database, results: Sequence[Result]) -> set[UUID]:
    wanted = as_rows(_CLAIMS, map(result_values, results))
    return {UUID(row["id"]) for row in await db.fetch(WRITTEN_BEFORE, wanted)}


async def _fall_back(session: Session, identifier: UUID) -> None:
    """Continue with the next channel, if there is one, in the transaction that ends the previous one."""
    [row] = await session.fetch(NEXT_ID)
    if (await session.run(FALL_BACK, row["id"], identifier.hex)).changed:
        await attachments.hand_on(session, identifier.hex, row["id"])
        await outbox.enqueue_work(session, [UUID(row["id"])])
        await session.run(FELL_BACK, *[row["id"]] * 5, identifier.hex)


async def move(
    db: Database, notification_id: UUID, tenant: str, to: Status, event: Event,
    reason: Reason | None = None, among: Collection[Status] | None = None, channel: Channel | None = None,
) -> Status | None:  # fmt: skip
    """As `NotificationStore.move`."""

    async def work(session: Session) -> Status | None:
        rows = await session.fetch(MOVABLE, notification_id.hex, tenant)
        if not rows or (channel is not None and rows[0]["channel"] != channel):
            return None
        old = Status(rows[0]["status"])
        if old is not Status.SENDING and may_become(old, to) and (among is None or old in among):
            await _move(session, notification_id, to, event, reason)
        return old

    return await db.transaction(work)


async def _move(session: Session, identifier: UUID, to: Status, event: Event, reason: Reason | None) -> None:
    code, words = (reason.code, reason.message) if reason else (None, None)
    added = appendix(encode_events([event]))
    await session.run(MOVE, added, str(to), code, words, moment(event.at), identifier.hex)
    if to is Status.PENDING:
        await outbox.enqueue_work(session, [identifier])
    elif to is Status.FAILED:
        await _fall_back(session, identifier)
