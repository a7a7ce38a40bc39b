# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Dead letters on SQLite."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from angarium.contracts.statuses import Status
from angarium.notifications.model import NewDeadLetter, OutboxMessage
from angarium.notifications.store.arguments import dead_letter_values, message_values
from angarium.notifications.store.record import DEAD_LETTER, MESSAGE
from angarium.notifications.store.sqlite.outbox import enqueue_work
from angarium.notifications.store.sqlite.sql import AMONG, APPEND, appendix, event_now, id_list, micros, stored
from angarium.notifications.store.timing import PENDING_GRACE, RESULT_OUTBOX_LEASE

BURY = f"""
INSERT INTO dead_letters ({", ".join(DEAD_LETTER)}, failed_at) VALUES (:{", :".join(DEAD_LETTER)}, :now)
ON CONFLICT (id) DO NOTHING
"""
BURY_MESSAGE = f"""
INSERT INTO outbox ({", ".join(MESSAGE)}, available_at) VALUES (:{", :".join(MESSAGE)}, :available_at)
ON CONFLICT (subject, kind) DO NOTHING
"""
FAILED = f"""
SELECT d.id AS letter, n.id
FROM dead_letters d JOIN notifications n ON n.id = d.notification_id AND n.tenant = d.tenant
WHERE d.id {AMONG} AND d.tenant = :tenant AND n.status = 'failed'
"""
REPLAY = f"""
UPDATE notifications SET
    status = 'pending', attempts = 0, claim_token = NULL, lease_until = NULL, due_at = NULL, sweep_at = :sweep_at,
    reason_code = NULL, reason_message = NULL, provider = NULL, provider_message_id = NULL, updated_at = :now,
    events = {APPEND}
WHERE id {AMONG}
"""
WITHDRAW_MESSAGES = f"DELETE FROM outbox WHERE kind = 'dead_letter' AND subject {AMONG}"
DISCARD = f"DELETE FROM dead_letters WHERE id {AMONG}"
FOUND = f"""
SELECT id, coalesce(notification_id, id) AS subject FROM dead_letters WHERE tenant = :tenant AND id {AMONG}
"""
LIVING_LETTERS = f"SELECT id FROM dead_letters WHERE id {AMONG}"


def put(connection: sqlite3.Connection, now: int, letters: Iterable[NewDeadLetter]) -> None:
    """Insert dead letters; existing ones do not change."""
    connection.executemany(BURY, [stored(DEAD_LETTER, dead_letter_values(letter)) | {"now": now} for letter in letters])


def bury(
    connection: sqlite3.Connection, now: int, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]
) -> None:
    """As `NotificationStore.bury`."""
    put(connection, now, letters)
    until = now + micros(RESULT_OUTBOX_LEASE)
    rows = [stored(MESSAGE, message_values(message)) | {"available_at": until} for message in outbox]
    connection.executemany(BURY_MESSAGE, rows)


def replay(connection: sqlite3.Connection, now: int, letter_ids: Sequence[UUID], tenant: str) -> list[UUID]:
    """As `NotificationStore.replay`."""
    rows = connection.execute(FAILED, {"ids": id_list(letter_ids), "tenant": tenant}).fetchall()
    notifications = [UUID(hex=row["id"]) for row in rows]
    replayed = [UUID(hex=row["letter"]) for row in rows]
    change = {
        "ids": id_list(notifications),
        "now": now,
        "sweep_at": now + micros(PENDING_GRACE),
        "appendix": appendix([event_now("replayed", now, status=Status.PENDING)]),
    }
    connection.execute(REPLAY, change)
    connection.execute(WITHDRAW_MESSAGES, {"ids": id_list(notifications)})
    connection.execute(DISCARD, {"ids": id_list(replayed)})
    enqueue_work(connection, notifications, available_at=now)
    return replayed


def discard(connection: sqlite3.Connection, letter_ids: Sequence[UUID], tenant: str) -> list[UUID]:
    """As `NotificationStore.discard`."""
    rows = connection.execute(FOUND, {"ids": id_list(letter_ids), "tenant": tenant}).fetchall()
    found = [UUID(hex=row["id"]) for row in rows]
    connection.execute(WITHDRAW_MESSAGES, {"ids": id_list(UUID(hex=row["subject"]) for row in rows)})
    connection.execute(DISCARD, {"ids": id_list(found)})
    return found


def living_letters(connection: sqlite3.Connection, letter_ids: Collection[UUID]) -> set[UUID]:
    """As `NotificationStore.living_letters`."""
    return {UUID(hex=row["id"]) for row in connection.execute(LIVING_LETTERS, {"ids": id_list(letter_ids)})}
