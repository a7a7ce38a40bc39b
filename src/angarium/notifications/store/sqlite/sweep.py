# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The sweep on SQLite."""

import sqlite3
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from angarium.contracts.messages import routing_key
from angarium.contracts.statuses import Channel, DeliveryPolicy, Status
from angarium.notifications.model import NO_WAITS, Patience, SweepReport
from angarium.notifications.store.rows import sweep_report
from angarium.notifications.store.sqlite.outbox import enqueue_work
from angarium.notifications.store.sqlite.sql import APPEND, appendix, event_now, micros, since
from angarium.notifications.store.timing import (
    DUE_GRACE,
    EXPIRED_CODE,
    EXPIRED_MESSAGE,
    GIVEN_UP_CODE,
    GIVEN_UP_MESSAGE,
    LEASE_GRACE,
    LONGEST_GRACE,
    PENDING_GRACE,
)
from angarium.platform.database.types import to_microseconds

_Row = dict[str, Any]

SWEEP = """
SELECT n.id, n.status, n.policy, n.due_at, n.lease_until, n.expires_at, n.updated_at, o.subject IS NOT NULL AS queued,
    n.channel, n.priority,
    CASE WHEN n.events ->> '$[#-1].event' = 'published' THEN n.events ->> '$[#-1].at' END AS published_at
FROM notifications n LEFT JOIN outbox o ON o.subject = n.id AND o.kind = 'work'
WHERE n.sweep_at IS NOT NULL AND n.sweep_at <= ? AND n.sweep_at > ? ORDER BY n.sweep_at LIMIT ?
"""
LATER = "UPDATE notifications SET sweep_at = ? WHERE id = ?"
PUBLISHED = f"UPDATE notifications SET sweep_at = :sweep_at, events = {APPEND} WHERE id = :id"
MOVE = f"""
UPDATE notifications SET
    status = :status, due_at = NULL, lease_until = NULL, sweep_at = :sweep_at, reason_code = :reason_code,
    reason_message = :reason_message, updated_at = :now, events = {APPEND}
WHERE id = :id
"""
UNFINISHED = """
SELECT id FROM notifications WHERE sweep_at IS NOT NULL AND status IN ('pending', 'retrying', 'sending')
"""
RELEASE_LEASES = "UPDATE outbox SET available_at = :now WHERE available_at > :now"


def sweep(
    connection: sqlite3.Connection,
    now: int,
    limit: int,
    back: timedelta | None = None,
    patience: Patience = NO_WAITS,
) -> SweepReport:
    """As `NotificationStore.sweep`."""
    counts: Counter[str] = Counter()
    ended: list[_Row] = []
    for row in connection.execute(SWEEP, (now, since(now, back), limit)).fetchall():
        verdict = _sweep_one(connection, now, dict(row), patience)
        counts[verdict] += 1
        if verdict in {Status.EXPIRED, Status.UNKNOWN}:
            ended.append({"id": UUID(hex=row["id"]), "channel": row["channel"], "verdict": verdict})
    return sweep_report(counts, ended)


def requeue_unfinished(connection: sqlite3.Connection, now: int) -> int:
    """As `NotificationStore.requeue_unfinished`."""
    unfinished = [UUID(hex=row["id"]) for row in connection.execute(UNFINISHED)]
    connection.execute(RELEASE_LEASES, {"now": now})
    enqueue_work(connection, unfinished, available_at=now)
    return len(unfinished)


def _sweep_one(connection: sqlite3.Connection, now: int, row: _Row, patience: Patience) -> str:
    if row["status"] == Status.SCHEDULED:
        return _wake(connection, now, row)
    later = _look_again_at(row, now, patience)
    if later is not None:
        return _leave(connection, row, later)
    if row["status"] == Status.SENDING and row["policy"] == DeliveryPolicy.AT_MOST_ONCE:
        return _end(connection, now, row, Status.UNKNOWN, (GIVEN_UP_CODE, GIVEN_UP_MESSAGE))
    return _publish_again(connection, now, row)


def _look_again_at(row: _Row, now: int, patience: Patience) -> int | None:
    """When an unfinished row is checked again; None: its work was lost."""
    if row["status"] == Status.SENDING:
        if row["lease_until"] > now:
            return int(row["lease_until"]) + micros(LEASE_GRACE)
        if patience.claims:
            return now + micros(LEASE_GRACE)
        if row["policy"] == DeliveryPolicy.AT_MOST_ONCE:
            return None
    if _may_wait(row, now, patience):
        return now + min(max(micros(DUE_GRACE), now - _published_at(row)), micros(LONGEST_GRACE))
    return _again_at(row, now) if row["queued"] else None


def _wake(connection: sqlite3.Connection, now: int, row: _Row) -> str:
    if row["due_at"] > now:
        return _leave(connection, row, row["due_at"])
    if row["expires_at"] is not None and row["expires_at"] <= now:
        return _end(connection, now, row, Status.EXPIRED, (EXPIRED_CODE, EXPIRED_MESSAGE))
    change = _change(row, now, Status.PENDING, event="published", sweep_at=now + micros(PENDING_GRACE))
    connection.execute(MOVE, change)
    enqueue_work(connection, [UUID(hex=row["id"])], available_at=now)
    return "released"


def _end(connection: sqlite3.Connection, now: int, row: _Row, status: Status, reason: tuple[str, str]) -> str:
    connection.execute(MOVE, _change(row, now, status, event=status, reason=reason))
    return str(status)


def _leave(connection: sqlite3.Connection, row: _Row, sweep_at: int) -> str:
    connection.execute(LATER, (sweep_at, row["id"]))
    return "left"


def _publish_again(connection: sqlite3.Connection, now: int, row: _Row) -> str:
    connection.execute(
        PUBLISHED, _change(row, now, Status(row["status"]), event="published", sweep_at=_again_at(row, now))
    )
    enqueue_work(connection, [UUID(hex=row["id"])], available_at=now)
    return "requeued"


def _may_wait(row: _Row, now: int, patience: Patience) -> bool:
    wait = patience.lanes.get(routing_key(Channel(row["channel"]), row["priority"]))
    return wait is not None and _published_at(row) > now - micros(wait)


def _published_at(row: _Row) -> int:
    """When the last message of an overdue row was published or returned to its queue."""
    due: int = row["lease_until"] if row["status"] == Status.SENDING else row["due_at"] or row["updated_at"]
    published = row["published_at"]
    return max(due, 0 if published is None else to_microseconds(datetime.fromisoformat(published)))


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
