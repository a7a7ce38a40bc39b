# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The outbox on MariaDB and MySQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
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
    names,
    rows_of,
    since,
)
from angarium.notifications.store.port import MOST_COUNTED
from angarium.notifications.store.record import MESSAGE, Kind, Use, used
from angarium.notifications.store.rows import outbox_message
from angarium.platform.database.mysql_pool import Session

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
SELECT subject, kind, exchange, routing_key, body, correlation_id AS message_correlation_id FROM outbox
    FORCE INDEX (ix_outbox_available_at)
WHERE available_at <= {NOW} AND available_at > {NOW} - INTERVAL %s MICROSECOND
ORDER BY available_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
LEASE_OUTBOX = f"""
UPDATE outbox FORCE INDEX (PRIMARY) SET available_at = {_LATER} WHERE subject IN %s AND kind = %s
"""
WORK = f"SELECT {names(used(Use.QUEUED))} FROM notifications FORCE INDEX (PRIMARY) WHERE id IN %s"
CONFIRM_OUTBOX = "DELETE FROM outbox WHERE subject IN %s AND kind = %s"
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
    leased = [(row, outbox_message(domain(row))) for row in rows]
    await confirm_outbox(db, [OutboxKey(row["subject"], row["kind"]) for row, message in leased if message is None])
    return [message for _, message in leased if message is not None]


async def _lease(session: Session, limit: int, lease: timedelta, back: timedelta | None) -> Sequence[Row]:
    rows = await session.fetch(DUE_OUTBOX, since(back), limit)
    for kind, subjects in _by_kind((row["subject"], row["kind"]) for row in rows).items():
        await session.run(LEASE_OUTBOX, micros(lease), subjects, kind)
    work = tuple(sorted(row["subject"] for row in rows if row["kind"] == OutboxKind.WORK))
    found = {row["id"]: row for row in await session.fetch(WORK, work)} if work else {}
    nothing = dict.fromkeys(column.name for column in used(Use.QUEUED))
    return [row | found.get(row["subject"] if row["kind"] == OutboxKind.WORK else "", nothing) for row in rows]


async def confirm_outbox(db: Database, keys: Collection[OutboxKey]) -> None:
    """As `NotificationStore.confirm_outbox`."""
    for kind, subjects in _by_kind((key.subject.hex, key.kind) for key in keys).items():
        await db.run(CONFIRM_OUTBOX, subjects, kind)


async def outbox_pending(db: Database) -> int:
    """As `NotificationStore.outbox_pending`."""
    [row] = await db.fetch(OUTBOX_PENDING)
    return int(row["pending"])


def _by_kind(keys: Iterable[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    """The subjects of each kind, in the order of row locks."""
    kinds: dict[str, list[str]] = {}
    for subject, kind in sorted(keys):
        kinds.setdefault(str(kind), []).append(subject)
    return {kind: tuple(subjects) for kind, subjects in kinds.items()}
