"""The outbox on SQLite."""

import sqlite3
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from angarium.notifications.model import OutboxKey, OutboxMessage
from angarium.notifications.store.arguments import message_row
from angarium.notifications.store.port import MOST_COUNTED
from angarium.notifications.store.rows import outbox_message
from angarium.notifications.store.sqlite.sql import domain, micros, since

_ENQUEUE = """
INSERT INTO outbox (subject, kind, available_at) VALUES (?, 'work', ?)
ON CONFLICT (subject, kind) DO UPDATE SET available_at = excluded.available_at
"""
_KEEP = """
INSERT INTO outbox (subject, kind, exchange, routing_key, body, correlation_id, available_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (subject, kind) DO UPDATE SET
    exchange = excluded.exchange, routing_key = excluded.routing_key, body = excluded.body,
    correlation_id = excluded.correlation_id, available_at = excluded.available_at
"""
_DUE = """
SELECT o.subject, o.kind, o.exchange, o.routing_key, o.body, o.correlation_id AS message_correlation_id,
    n.id, n.tenant, n.request_id, n.channel, n.user_id, n.template_code, n.template_version, n.locale, n.priority,
    n.correlation_id, n.expires_at
FROM outbox o LEFT JOIN notifications n ON o.kind = 'work' AND n.id = o.subject
WHERE o.available_at <= ? AND o.available_at > ? ORDER BY o.available_at LIMIT ?
"""
_LEASE = "UPDATE outbox SET available_at = ? WHERE subject = ? AND kind = ?"
_FORGET = "DELETE FROM outbox WHERE subject = ? AND kind = ?"


def enqueue_work(connection: sqlite3.Connection, notifications: Iterable[UUID], *, available_at: int) -> None:
    """Give each notification its outbox row; one that has it already becomes available then."""
    connection.executemany(_ENQUEUE, [(identifier.hex, available_at) for identifier in notifications])


def keep(connection: sqlite3.Connection, messages: Iterable[OutboxMessage], *, available_at: int) -> None:
    """Keep messages; a newer one of the same key takes the place of the one before."""
    rows = [message_row(message) for message in messages]
    connection.executemany(_KEEP, [(subject.hex, *rest, available_at) for subject, *rest in rows])


def lease(
    connection: sqlite3.Connection, now: int, limit: int, duration: timedelta, back: timedelta | None = None
) -> list[OutboxMessage]:
    """As `NotificationStore.lease_outbox`; work whose notification is gone is forgotten."""
    rows = connection.execute(_DUE, (now, since(now, back), limit)).fetchall()
    until = now + micros(duration)
    connection.executemany(_LEASE, [(until, row["subject"], row["kind"]) for row in rows])
    messages = [outbox_message(domain(row)) for row in rows]
    orphans = [(row["subject"], row["kind"]) for row, message in zip(rows, messages, strict=True) if message is None]
    connection.executemany(_FORGET, orphans)
    return [message for message in messages if message is not None]


def confirm(connection: sqlite3.Connection, keys: Iterable[OutboxKey]) -> None:
    """As `NotificationStore.confirm_outbox`."""
    connection.executemany(_FORGET, [(key.subject.hex, key.kind) for key in keys])


def pending(connection: sqlite3.Connection) -> int:
    """As `NotificationStore.outbox_pending`."""
    query = "SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?)"
    return int(connection.execute(query, (MOST_COUNTED,)).fetchone()[0])
