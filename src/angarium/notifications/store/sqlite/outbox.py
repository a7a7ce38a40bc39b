# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The outbox on SQLite."""

import sqlite3
from collections.abc import Collection, Iterable
from datetime import timedelta
from uuid import UUID

from angarium.notifications.model import OutboxKey, OutboxMessage
from angarium.notifications.store.arguments import message_values
from angarium.notifications.store.port import MOST_COUNTED
from angarium.notifications.store.record import MESSAGE, Use, used
from angarium.notifications.store.rows import outbox_message
from angarium.notifications.store.sqlite.sql import domain, micros, moment, since, stored
from angarium.platform.database.types import from_microseconds

ENQUEUE = """
INSERT INTO outbox (subject, kind, available_at) VALUES (?, 'work', ?)
ON CONFLICT (subject, kind) DO UPDATE SET available_at = excluded.available_at
"""
PUT = f"""
INSERT INTO outbox ({", ".join(MESSAGE)}, available_at) VALUES (:{", :".join(MESSAGE)}, :available_at)
ON CONFLICT (subject, kind) DO UPDATE SET
    exchange = excluded.exchange, routing_key = excluded.routing_key, body = excluded.body,
    correlation_id = excluded.correlation_id, available_at = excluded.available_at
"""
DUE_OUTBOX = f"""
SELECT o.subject, o.kind, o.exchange, o.routing_key, o.body, o.correlation_id AS message_correlation_id,
    {", ".join(f"n.{column.name}" for column in used(Use.QUEUED))}
FROM outbox o LEFT JOIN notifications n ON o.kind = 'work' AND n.id = o.subject
WHERE o.available_at <= ? AND o.available_at > ? ORDER BY o.available_at LIMIT ?
"""
LEASE_OUTBOX = "UPDATE outbox SET available_at = ? WHERE subject = ? AND kind = ?"
CONFIRM_OUTBOX = "DELETE FROM outbox WHERE subject = ? AND kind = ? AND available_at = coalesce(?, available_at)"
OUTBOX_PENDING = f"SELECT count(*) AS pending FROM (SELECT 1 FROM outbox LIMIT {MOST_COUNTED})"


def enqueue_work(connection: sqlite3.Connection, notifications: Iterable[UUID], *, available_at: int) -> None:
    """Give each notification an outbox row; an existing row is rescheduled."""
    connection.executemany(ENQUEUE, [(identifier.hex, available_at) for identifier in notifications])


def put(connection: sqlite3.Connection, messages: Iterable[OutboxMessage], *, available_at: int) -> None:
    """Put messages into the outbox; a newer one replaces an older one of the same key."""
    rows = [stored(MESSAGE, message_values(message)) | {"available_at": available_at} for message in messages]
    connection.executemany(PUT, rows)


def lease_outbox(
    connection: sqlite3.Connection, now: int, limit: int, lease: timedelta, back: timedelta | None = None
) -> list[OutboxMessage]:
    """As `NotificationStore.lease_outbox`; work whose notification was deleted is deleted."""
    rows = connection.execute(DUE_OUTBOX, (now, since(now, back), limit)).fetchall()
    until = now + micros(lease)
    connection.executemany(LEASE_OUTBOX, [(until, row["subject"], row["kind"]) for row in rows])
    leased_until = from_microseconds(until)
    messages = [outbox_message(domain(row), leased_until) for row in rows]
    orphans = [
        (row["subject"], row["kind"], None) for row, message in zip(rows, messages, strict=True) if message is None
    ]
    connection.executemany(CONFIRM_OUTBOX, orphans)
    return [message for message in messages if message is not None]


def confirm_outbox(connection: sqlite3.Connection, keys: Collection[OutboxKey]) -> None:
    """As `NotificationStore.confirm_outbox`."""
    connection.executemany(CONFIRM_OUTBOX, [(key.subject.hex, key.kind, moment(key.leased_until)) for key in keys])


def outbox_pending(connection: sqlite3.Connection) -> int:
    """As `NotificationStore.outbox_pending`."""
    [row] = connection.execute(OUTBOX_PENDING)
    return int(row["pending"])
