# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The outbox on MariaDB and MySQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from angarium.notifications.model import OutboxKey, OutboxKind, OutboxMessage
from angarium.notifications.store.arguments import message_values
from angarium.notifications.store.mysql.sql import (
    NOW,
    RESULT_LEASE,
    Database,
    Row,
    as_rows,
    domain,
    listed,
    micros,
    moment,
    names,
    rows_of,
    since,
)
from angarium.notifications.store.port import MOST_COUNTED
from angarium.notifications.store.record import MESSAGE, Kind, Use, used
from angarium.notifications.store.rows import outbox_message
from angarium.platform.database.mysql_pool import Session

_Lease = tuple[str, datetime | None]
_IDS: Mapping[str, Kind] = {"id": Kind.ID}
_LATER = f"{NOW} + INTERVAL %s MICROSECOND"
_SELECTED = ", ".join("UNHEX(r.body)" if name == "body" else f"r.{name}" for name in MESSAGE)

ENQUEUE = f"""
INSERT INTO outbox (subject, kind, available_at)
SELECT r.id, 'work', {_LATER} FROM {rows_of(_IDS)}
ON DUPLICATE KEY UPDATE available_at = {_LATER}
"""
"""An existing outbox row is rescheduled to that time."""
PUT = f"""
INSERT INTO outbox ({listed(MESSAGE)}, available_at)
SELECT {_SELECTED}, {RESULT_LEASE} FROM {rows_of(MESSAGE)}
ON DUPLICATE KEY UPDATE
    exchange = r.exchange, routing_key = r.routing_key, body = UNHEX(r.body),
    correlation_id = r.correlation_id, available_at = {RESULT_LEASE}
"""
PUT_UNLESS_THERE = f"""
INSERT INTO outbox ({listed(MESSAGE)}, available_at)
SELECT {_SELECTED}, {RESULT_LEASE} FROM {rows_of(MESSAGE)}
ON DUPLICATE KEY UPDATE outbox.subject = outbox.subject
"""
DUE_OUTBOX = f"""
SELECT subject, kind, exchange, routing_key, body, correlation_id AS message_correlation_id,
    {_LATER} AS leased_until
FROM outbox FORCE INDEX (ix_outbox_available_at)
WHERE available_at <= {NOW} AND available_at > {NOW} - INTERVAL %s MICROSECOND
ORDER BY available_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
LEASE_OUTBOX = "UPDATE outbox FORCE INDEX (PRIMARY) SET available_at = %s WHERE subject IN %s AND kind = %s"
WORK = f"SELECT {names(used(Use.QUEUED))} FROM notifications FORCE INDEX (PRIMARY) WHERE id IN %s"
CONFIRM_OUTBOX = "DELETE FROM outbox WHERE subject IN %s AND kind = %s AND available_at = COALESCE(%s, available_at)"
OUTBOX_PENDING = f"SELECT COUNT(*) AS pending FROM (SELECT 1 FROM outbox LIMIT {MOST_COUNTED}) AS counted"


async def enqueue_work(session: Session, notifications: Iterable[UUID], *, after: timedelta = timedelta(0)) -> None:
    """Give each notification an outbox row, available after a time; an existing row is rescheduled."""
    rows = [{"id": identifier} for identifier in sorted(notifications)]
    if rows:
        wait = micros(after)
        await session.run(ENQUEUE, wait, as_rows(_IDS, rows), wait)


async def put(session: Session, messages: Iterable[OutboxMessage], statement: str = PUT) -> None:
    """Put messages into the outbox; a newer one replaces an older one of the same key."""
    rows = sorted(map(message_values, messages), key=lambda values: (values["subject"], values["kind"]))
    if rows:
        await session.run(statement, as_rows(MESSAGE, rows))


async def lease_outbox(
    db: Database, limit: int, lease: timedelta, back: timedelta | None = None
) -> Sequence[OutboxMessage]:
    """As `NotificationStore.lease_outbox`; work whose notification was deleted is deleted."""
    rows = await db.transaction(partial(_lease, limit=limit, lease=lease, back=back))
    leased = [(row, outbox_message(domain(row), row["leased_until"].replace(tzinfo=UTC))) for row in rows]
    await confirm_outbox(db, [OutboxKey(row["subject"], row["kind"]) for row, message in leased if message is None])
    return [message for _, message in leased if message is not None]


async def _lease(session: Session, limit: int, lease: timedelta, back: timedelta | None) -> Sequence[Row]:
    rows = await session.fetch(DUE_OUTBOX, micros(lease), since(back), limit)
    leased = ((row["subject"], row["kind"], row["leased_until"]) for row in rows)
    for (kind, until), subjects in _grouped(leased).items():
        await session.run(LEASE_OUTBOX, until, subjects, kind)
    work = tuple(sorted(row["subject"] for row in rows if row["kind"] == OutboxKind.WORK))
    found = {row["id"]: row for row in await session.fetch(WORK, work)} if work else {}
    nothing = dict.fromkeys(column.name for column in used(Use.QUEUED))
    return [row | found.get(row["subject"] if row["kind"] == OutboxKind.WORK else "", nothing) for row in rows]


async def confirm_outbox(db: Database, keys: Collection[OutboxKey]) -> None:
    """As `NotificationStore.confirm_outbox`."""
    given = ((key.subject.hex, key.kind, moment(key.leased_until)) for key in keys)
    for (kind, until), subjects in _grouped(given).items():
        await db.run(CONFIRM_OUTBOX, subjects, kind, until)


async def outbox_pending(db: Database) -> int:
    """As `NotificationStore.outbox_pending`."""
    [row] = await db.fetch(OUTBOX_PENDING)
    return int(row["pending"])


def _grouped(keys: Iterable[tuple[str, str, datetime | None]]) -> Mapping[_Lease, tuple[str, ...]]:
    """The subjects of each kind and lease, in the order of row locks."""
    leases: dict[_Lease, list[str]] = {}
    for subject, kind, until in sorted(keys, key=lambda key: key[:2]):
        leases.setdefault((str(kind), until), []).append(subject)
    return {lease: tuple(subjects) for lease, subjects in leases.items()}
