# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Dead letters on SQLite."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from angarium.contracts.statuses import Status
from angarium.notifications.model import NewDeadLetter, OutboxMessage
from angarium.notifications.store.arguments import letter_row, message_row
from angarium.notifications.store.sqlite.outbox import enqueue_work
from angarium.notifications.store.sqlite.sql import AMONG, APPEND, appendix, event_now, ids, micros
from angarium.notifications.store.timing import PENDING_GRACE, RESULT_OUTBOX_LEASE

_KEEP = """
INSERT INTO dead_letters (id, tenant, notification_id, channel, template_code, request_id, reason_code, reason_message,
    attempts, correlation_id, payload, failed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
"""
_KEEP_MESSAGE = """
INSERT INTO outbox (subject, kind, exchange, routing_key, body, correlation_id, available_at)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (subject, kind) DO NOTHING
"""
_FAILED = f"""
SELECT d.id AS letter, n.id
FROM dead_letters d JOIN notifications n ON n.id = d.notification_id AND n.tenant = d.tenant
WHERE d.id {AMONG} AND d.tenant = :tenant AND n.status = 'failed'
"""
_REVIVE = f"""
UPDATE notifications SET
    status = 'pending', attempts = 0, claim_token = NULL, lease_until = NULL, due_at = NULL, sweep_at = :sweep_at,
    reason_code = NULL, reason_message = NULL, provider = NULL, provider_message_id = NULL, updated_at = :now,
    events = {APPEND}
WHERE id {AMONG}
"""
_SILENCE = f"DELETE FROM outbox WHERE kind = 'dead_letter' AND subject {AMONG}"
_REMOVE = f"DELETE FROM dead_letters WHERE id {AMONG}"
_MINE = f"""
SELECT id, coalesce(notification_id, id) AS subject FROM dead_letters WHERE tenant = :tenant AND id {AMONG}
"""
_LIVING = f"SELECT id FROM dead_letters WHERE id {AMONG}"


def keep_letters(connection: sqlite3.Connection, now: int, letters: Iterable[NewDeadLetter]) -> None:
    """Record letters; one that is there stays as it is."""
    rows = []
    for letter in letters:
        identifier, tenant, notification_id, *rest = letter_row(letter)
        rows.append((identifier.hex, tenant, notification_id.hex if notification_id else None, *rest, now))
    connection.executemany(_KEEP, rows)


def bury(
    connection: sqlite3.Connection, now: int, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]
) -> None:
    """As `NotificationStore.bury`."""
    keep_letters(connection, now, letters)
    until = now + micros(RESULT_OUTBOX_LEASE)
    rows = [message_row(message) for message in outbox]
    connection.executemany(_KEEP_MESSAGE, [(subject.hex, *rest, until) for subject, *rest in rows])


def replay(connection: sqlite3.Connection, now: int, letters: Sequence[UUID], tenant: str) -> list[UUID]:
    """As `NotificationStore.replay`."""
    rows = connection.execute(_FAILED, {"ids": ids(letters), "tenant": tenant}).fetchall()
    notifications = [UUID(hex=row["id"]) for row in rows]
    replayed = [UUID(hex=row["letter"]) for row in rows]
    change = {
        "ids": ids(notifications),
        "now": now,
        "sweep_at": now + micros(PENDING_GRACE),
        "appendix": appendix([event_now("replayed", now, status=Status.PENDING)]),
    }
    connection.execute(_REVIVE, change)
    connection.execute(_SILENCE, {"ids": ids(notifications)})
    connection.execute(_REMOVE, {"ids": ids(replayed)})
    enqueue_work(connection, notifications, available_at=now)
    return replayed


def discard(connection: sqlite3.Connection, letters: Sequence[UUID], tenant: str) -> list[UUID]:
    """As `NotificationStore.discard`."""
    rows = connection.execute(_MINE, {"ids": ids(letters), "tenant": tenant}).fetchall()
    found = [UUID(hex=row["id"]) for row in rows]
    connection.execute(_SILENCE, {"ids": ids(UUID(hex=row["subject"]) for row in rows)})
    connection.execute(_REMOVE, {"ids": ids(found)})
    return found


def living(connection: sqlite3.Connection, letters: Collection[UUID]) -> set[UUID]:
    """As `NotificationStore.living_letters`."""
    return {UUID(hex=row["id"]) for row in connection.execute(_LIVING, {"ids": ids(letters)})}
