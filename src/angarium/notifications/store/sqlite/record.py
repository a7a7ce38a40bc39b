# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Results and manual moves on SQLite."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from angarium.contracts.statuses import Channel, Status, may_become
from angarium.notifications.model import Event, Reason, Result
from angarium.notifications.store.arguments import first_of_each, result_values
from angarium.notifications.store.sqlite import dead_letters, outbox
from angarium.notifications.store.sqlite.sql import APPEND, appended, appendix, micros
from angarium.notifications.store.timeline import folded
from angarium.notifications.store.timing import DUE_GRACE, PENDING_GRACE, RESULT_OUTBOX_LEASE
from angarium.platform.database.types import to_microseconds

RECORD = f"""
UPDATE notifications SET
    status = :status, attempts = attempts - :given_back, lease_until = NULL, due_at = :due_at, sweep_at = :sweep_at,
    reason_code = :reason_code, reason_message = :reason_message, provider = coalesce(:provider, provider),
    provider_message_id = coalesce(:provider_message_id, provider_message_id),
    sent_at = CASE :status WHEN 'sent' THEN :now ELSE sent_at END, updated_at = :now, events = {APPEND}
WHERE id = :id AND status = 'sending' AND claim_token = :claim_token
"""
WRITTEN_BEFORE = "SELECT 1 FROM notifications WHERE id = :id AND status = :status AND claim_token = :claim_token"
EVENTS = "SELECT events FROM notifications WHERE id = ?"
FOLD = "UPDATE notifications SET events = ? WHERE id = ?"
MOVABLE = "SELECT status, channel FROM notifications WHERE id = ? AND tenant = ?"
MOVE = f"""
UPDATE notifications SET
    status = :status, due_at = NULL, lease_until = NULL, sweep_at = :sweep_at, reason_code = :reason_code,
    reason_message = :reason_message, sent_at = CASE :status WHEN 'sent' THEN :now ELSE sent_at END,
    delivered_at = CASE :status WHEN 'delivered' THEN :event_at ELSE delivered_at END, updated_at = :now,
    events = {APPEND}
WHERE id = :id
"""


def record(connection: sqlite3.Connection, now: int, results: Sequence[Result]) -> list[bool]:
    """As `NotificationStore.record`."""
    written = {id(result): _write(connection, now, result) for result in first_of_each(results)}
    return [written.get(id(result), False) for result in results]


def _write(connection: sqlite3.Connection, now: int, result: Result) -> bool:
    change = _change(result, now)
    if connection.execute(RECORD, change).rowcount == 1:
        if result.status is Status.PENDING:
            _fold(connection, change["id"])
        dead_letters.put(connection, now, [result.dead_letter] if result.dead_letter else [])
        outbox.put(connection, result.outbox, available_at=now + micros(RESULT_OUTBOX_LEASE))
        return True
    # It may already be written: a repetition after a lost answer.
    return connection.execute(WRITTEN_BEFORE, change).fetchone() is not None


def _fold(connection: sqlite3.Connection, identifier: str) -> None:
    [row] = connection.execute(EVENTS, (identifier,))
    events = json.loads(row["events"])
    if len(short := folded(events)) < len(events):
        text = json.dumps(short, ensure_ascii=False, separators=(",", ":"))
        connection.execute(FOLD, (text, identifier))


def _change(result: Result, now: int) -> dict[str, Any]:
    values = result_values(result)
    due_at = None if values["wait"] is None else now + micros(values["wait"])
    return {
        **values,
        "id": result.id.hex,
        "claim_token": result.claim_token.hex,
        "appendix": appended(values["events"]),
        "due_at": due_at,
        "sweep_at": _sweep_at(result.status, due_at, now),
        "now": now,
    }


def _sweep_at(status: Status, due_at: int | None, now: int) -> int | None:
    if status is Status.PENDING and due_at is None:
        return now + micros(PENDING_GRACE)
    if due_at is None or status is Status.SCHEDULED:
        return due_at
    return due_at + micros(DUE_GRACE)


def move(
    connection: sqlite3.Connection, now: int, notification_id: UUID, tenant: str, to: Status, event: Event,
    reason: Reason | None = None, among: Collection[Status] | None = None, channel: Channel | None = None,
) -> Status | None:  # fmt: skip
    """As `NotificationStore.move`."""
    row = connection.execute(MOVABLE, (notification_id.hex, tenant)).fetchone()
    if row is None or (channel is not None and row["channel"] != channel):
        return None
    old = Status(row["status"])
    if old is not Status.SENDING and may_become(old, to) and (among is None or old in among):
        _move(connection, now, notification_id, to, event, reason)
    return old


def _move(
    connection: sqlite3.Connection, now: int, identifier: UUID, to: Status, event: Event, reason: Reason | None
) -> None:
    change = {
        "id": identifier.hex,
        "status": to,
        "sweep_at": now + micros(PENDING_GRACE) if to is Status.PENDING else None,
        "reason_code": reason.code if reason else None,
        "reason_message": reason.message if reason else None,
        "appendix": appendix([event]),
        "event_at": to_microseconds(event.at),
        "now": now,
    }
    connection.execute(MOVE, change)
    if to is Status.PENDING:
        outbox.enqueue_work(connection, [identifier], available_at=now)
