# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The sweeper's work on SQLite."""

import sqlite3
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from angarium.contracts.statuses import DeliveryPolicy, Status
from angarium.notifications.model import SweepReport
from angarium.notifications.store.sqlite.outbox import enqueue_work
from angarium.notifications.store.sqlite.sql import APPEND, appendix, event_now, micros, since
from angarium.notifications.store.timing import (
    EXPIRED_CODE,
    EXPIRED_MESSAGE,
    GIVEN_UP_CODE,
    GIVEN_UP_MESSAGE,
    LEASE_GRACE,
    LONGEST_GRACE,
    PENDING_GRACE,
)

_Row = dict[str, Any]

_DUE = """
SELECT n.id, n.status, n.policy, n.due_at, n.lease_until, n.expires_at, n.updated_at, o.subject IS NOT NULL AS queued
FROM notifications n LEFT JOIN outbox o ON o.subject = n.id AND o.kind = 'work'
WHERE n.sweep_at IS NOT NULL AND n.sweep_at <= ? AND n.sweep_at > ? ORDER BY n.sweep_at LIMIT ?
"""
_LATER = "UPDATE notifications SET sweep_at = ? WHERE id = ?"
_TELL = f"UPDATE notifications SET sweep_at = :sweep_at, events = {APPEND} WHERE id = :id"
_MOVE = f"""
UPDATE notifications SET
    status = :status, due_at = NULL, lease_until = NULL, sweep_at = :sweep_at, reason_code = :reason_code,
    reason_message = :reason_message, updated_at = :now, events = {APPEND}
WHERE id = :id
"""
_UNFINISHED = """
SELECT id FROM notifications WHERE sweep_at IS NOT NULL AND status IN ('pending', 'retrying', 'sending')
"""
_RELEASE_LEASES = "UPDATE outbox SET available_at = :now WHERE available_at > :now"


def sweep(connection: sqlite3.Connection, now: int, limit: int, back: timedelta | None = None) -> SweepReport:
    """As `NotificationStore.sweep`."""
    counts: Counter[str] = Counter()
    for row in connection.execute(_DUE, (now, since(now, back), limit)).fetchall():
        counts[_sweep_one(connection, now, dict(row))] += 1
    return SweepReport(
        released=counts["released"],
        requeued=counts["requeued"],
        expired=counts["expired"],
        unknown=counts["unknown"],
        left=counts["left"],
    )


def requeue_unfinished(connection: sqlite3.Connection, now: int) -> int:
    """As `NotificationStore.requeue_unfinished`."""
    unfinished = [UUID(hex=row["id"]) for row in connection.execute(_UNFINISHED)]
    connection.execute(_RELEASE_LEASES, {"now": now})
    enqueue_work(connection, unfinished, available_at=now)
    return len(unfinished)


def _sweep_one(connection: sqlite3.Connection, now: int, row: _Row) -> str:
    match Status(row["status"]):
        case Status.SCHEDULED:
            return _wake(connection, now, row)
        case Status.SENDING if row["lease_until"] > now:
            return _leave(connection, row, row["lease_until"] + micros(LEASE_GRACE))
        case Status.SENDING if row["policy"] == DeliveryPolicy.AT_MOST_ONCE:
            return _end(connection, now, row, Status.UNKNOWN, (GIVEN_UP_CODE, GIVEN_UP_MESSAGE))
        case _ if row["queued"]:
            return _leave(connection, row, _again_at(row, now))
        case _:
            return _publish_again(connection, now, row)


def _wake(connection: sqlite3.Connection, now: int, row: _Row) -> str:
    if row["due_at"] > now:
        return _leave(connection, row, row["due_at"])
    if row["expires_at"] is not None and row["expires_at"] <= now:
        return _end(connection, now, row, Status.EXPIRED, (EXPIRED_CODE, EXPIRED_MESSAGE))
    change = _change(row, now, Status.PENDING, event="published", sweep_at=now + micros(PENDING_GRACE))
    connection.execute(_MOVE, change)
    enqueue_work(connection, [UUID(hex=row["id"])], available_at=now)
    return "released"


def _end(connection: sqlite3.Connection, now: int, row: _Row, status: Status, reason: tuple[str, str]) -> str:
    connection.execute(_MOVE, _change(row, now, status, event=status, reason=reason))
    return str(status)


def _leave(connection: sqlite3.Connection, row: _Row, sweep_at: int) -> str:
    connection.execute(_LATER, (sweep_at, row["id"]))
    return "left"


def _publish_again(connection: sqlite3.Connection, now: int, row: _Row) -> str:
    connection.execute(_TELL, _change(row, now, Status(row["status"]), event="published", sweep_at=_again_at(row, now)))
    enqueue_work(connection, [UUID(hex=row["id"])], available_at=now)
    return "requeued"


def _again_at(row: _Row, now: int) -> int:
    waited: int = now - row["updated_at"]
    return now + min(max(micros(PENDING_GRACE), waited), micros(LONGEST_GRACE))


def _change(
    row: _Row,
    now: int,
    status: Status,
    *,
    event: str,
    sweep_at: int | None = None,
    reason: tuple[str | None, str | None] = (None, None),
) -> _Row:
    return {
        "id": row["id"],
        "now": now,
        "status": status,
        "sweep_at": sweep_at,
        "reason_code": reason[0],
        "reason_message": reason[1],
        "appendix": appendix([event_now(event, now, status=status)]),
    }
