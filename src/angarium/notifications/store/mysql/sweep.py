# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The sweep on MariaDB and MySQL."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from angarium.contracts.messages import routing_key
from angarium.contracts.statuses import Channel, DeliveryPolicy, Status
from angarium.notifications.model import NO_WAITS, Event, Patience, SweepReport
from angarium.notifications.store import timing
from angarium.notifications.store.mysql.outbox import enqueue_work
from angarium.notifications.store.mysql.sql import NOW, Database, Row, append, appendix, as_rows, rows_of, since
from angarium.notifications.store.record import Kind
from angarium.notifications.store.rows import sweep_report
from angarium.notifications.store.timeline import encode_events
from angarium.platform.database.mysql_pool import Session

_CHANGE: Mapping[str, Kind] = {
    "id": Kind.ID,
    "moved": Kind.BOOLEAN,
    "status": Kind.WORD,
    "sweep_at": Kind.MOMENT,
    "reason_code": Kind.TEXT,
    "reason_message": Kind.TEXT,
    "event": Kind.TEXT,
}

SWEEP = f"""
SELECT id, status, policy, due_at, lease_until, expires_at, updated_at, channel, priority, events, {NOW} AS now
FROM notifications FORCE INDEX (ix_notifications_sweep_at)
WHERE sweep_at <= {NOW} AND sweep_at > {NOW} - INTERVAL %s MICROSECOND
ORDER BY sweep_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
QUEUED = "SELECT subject FROM outbox FORCE INDEX (PRIMARY) WHERE subject IN %s AND kind = 'work'"
SWEPT = f"""
UPDATE {rows_of(_CHANGE)} STRAIGHT_JOIN notifications n FORCE INDEX (PRIMARY) ON n.id = r.id SET
    n.status = r.status,
    n.due_at = IF(r.moved, NULL, n.due_at),
    n.lease_until = IF(r.moved, NULL, n.lease_until),
    n.sweep_at = r.sweep_at,
    n.reason_code = IF(r.moved, r.reason_code, n.reason_code),
    n.reason_message = IF(r.moved, r.reason_message, n.reason_message),
    n.updated_at = IF(r.moved, {NOW}, n.updated_at),
    n.events = IF(r.event IS NULL, n.events, {append("r.event", "n")})
"""
"""Writes the decision about each row; the rows are locked."""
RELEASE_LEASES = f"UPDATE outbox SET available_at = {NOW} WHERE available_at > {NOW} AND kind <> 'work'"
UNFINISHED = """
SELECT id FROM notifications FORCE INDEX (ix_notifications_sweep_at)
WHERE sweep_at IS NOT NULL AND status IN ('pending', 'retrying', 'sending')
"""


class _Swept(NamedTuple):
    """The decision about a row. `event`: its timeline event; None: the row does not change for now."""

    verdict: str
    sweep_at: datetime | None
    event: str | None = None
    status: Status | None = None
    reason: tuple[str | None, str | None] = (None, None)


async def sweep(db: Database, limit: int, back: timedelta | None = None, patience: Patience = NO_WAITS) -> SweepReport:
    """As `NotificationStore.sweep`."""

    async def work(session: Session) -> Sequence[Row]:
        rows = await session.fetch(SWEEP, since(back), limit)
        if not rows:
            return ()
        ids = tuple(sorted(row["id"] for row in rows))
        queued = {row["subject"] for row in await session.fetch(QUEUED, ids)}
        swept = {row["id"]: _judged(row, patience, queued=row["id"] in queued) for row in rows}
        changes = [_change(row, swept[row["id"]]) for row in sorted(rows, key=lambda row: str(row["id"]))]
        await session.run(SWEPT, as_rows(_CHANGE, changes))
        published = [UUID(key) for key, found in swept.items() if found.verdict in {"released", "requeued"}]
        await enqueue_work(session, published)
        return [{"id": UUID(row["id"]), "channel": row["channel"], "verdict": swept[row["id"]].verdict} for row in rows]

    swept = await db.transaction(work)
    counts = Counter(row["verdict"] for row in swept)
    return sweep_report(counts, [row for row in swept if row["verdict"] in {Status.EXPIRED, Status.UNKNOWN}])


async def requeue_unfinished(db: Database) -> int:
    """As `NotificationStore.requeue_unfinished`."""

    async def work(session: Session) -> int:
        await session.run(RELEASE_LEASES)
        unfinished = [UUID(row["id"]) for row in await session.fetch(UNFINISHED)]
        await enqueue_work(session, unfinished)
        return len(unfinished)

    return await db.transaction(work)


def _judged(row: Row, patience: Patience, *, queued: bool) -> _Swept:
    now: datetime = row["now"]
    if row["status"] == Status.SCHEDULED:
        return _woken(row, now)
    if row["status"] == Status.SENDING:
        if row["lease_until"] > now:
            return _Swept("alive", row["lease_until"] + timing.LEASE_GRACE)
        if patience.claims:
            return _Swept("spared", now + timing.LEASE_GRACE)
        if row["policy"] == DeliveryPolicy.AT_MOST_ONCE:
            reason = (timing.GIVEN_UP_CODE, timing.GIVEN_UP_MESSAGE)
            return _Swept("unknown", None, Status.UNKNOWN, Status.UNKNOWN, reason)
    wait = patience.lanes.get(routing_key(Channel(row["channel"]), row["priority"]))
    if wait is not None and _published_at(row) > now - wait:
        return _Swept("waiting", now + _grace(timing.DUE_GRACE, now - _published_at(row)))
    again = now + _grace(timing.PENDING_GRACE, now - row["updated_at"])
    return _Swept("queued", again) if queued else _Swept("requeued", again, "published")


def _woken(row: Row, now: datetime) -> _Swept:
    if row["due_at"] > now:
        return _Swept("wait", row["due_at"])
    if row["expires_at"] is not None and row["expires_at"] <= now:
        reason = (timing.EXPIRED_CODE, timing.EXPIRED_MESSAGE)
        return _Swept("expired", None, Status.EXPIRED, Status.EXPIRED, reason)
    return _Swept("released", now + timing.PENDING_GRACE, "published", Status.PENDING)


def _grace(shortest: timedelta, waited: timedelta) -> timedelta:
    return min(max(shortest, waited), timing.LONGEST_GRACE)


def _published_at(row: Row) -> datetime:
    """When the last message of an overdue row was published or returned to its queue."""
    due: datetime = row["lease_until"] if row["status"] == Status.SENDING else row["due_at"] or row["updated_at"]
    last = json.loads(row["events"])[-1]
    if last["event"] != "published":
        return due
    return max(due, datetime.fromisoformat(last["at"]).astimezone(UTC).replace(tzinfo=None))


def _change(row: Row, swept: _Swept) -> Mapping[str, Any]:
    status = swept.status or Status(row["status"])
    told = None
    if swept.event is not None:
        told = appendix(encode_events([Event(swept.event, row["now"].replace(tzinfo=UTC), {"status": status})]))
    sweep_at = None if swept.sweep_at is None else swept.sweep_at.replace(tzinfo=UTC)
    return {
        "id": UUID(row["id"]),
        "moved": swept.status is not None,
        "status": status,
        "sweep_at": sweep_at,
        "reason_code": swept.reason[0],
        "reason_message": swept.reason[1],
        "event": told,
    }
