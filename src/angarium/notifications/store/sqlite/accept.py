# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Acceptance on SQLite."""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from angarium.contracts.fields import rfc3339
from angarium.contracts.statuses import Status
from angarium.notifications.model import Acceptance, NewNotification
from angarium.notifications.store.acceptances import Kept, Key, acceptances
from angarium.notifications.store.arguments import accepted_columns, attachment_rows, by_key
from angarium.notifications.store.record import ORDINARY, RARE
from angarium.notifications.store.rows import kept
from angarium.notifications.store.sqlite.outbox import enqueue_work
from angarium.notifications.store.sqlite.sql import domain, encoders, event_now, micros, moment, names
from angarium.notifications.store.timeline import encode_events
from angarium.notifications.store.timing import PENDING_GRACE
from angarium.platform.database.types import from_microseconds

_ACCEPTED = ORDINARY + RARE
_ENCODERS = encoders(_ACCEPTED)


class _Made(NamedTuple):
    """The columns that the store adds to those of an acceptance."""

    status: Status
    due_at: int | None
    sweep_at: int
    events: str
    created_at: int
    updated_at: int
    attempts: int = 0


INSERT = f"""
INSERT INTO notifications ({names(_ACCEPTED)}, {", ".join(_Made._fields)})
VALUES ({", ".join("?" * len(_ACCEPTED + _Made._fields))})
ON CONFLICT (request_id, tenant, caller) DO NOTHING
"""
INSERT_ATTACHMENT = "INSERT INTO attachments (notification_id, position, content) VALUES (?, ?, ?)"
PRIOR = """
SELECT id, fingerprint, status, created_at FROM notifications WHERE tenant = ? AND request_id = ? AND caller = ?
"""
FIND_BY_REQUEST = "SELECT id FROM notifications WHERE tenant = ? AND request_id = ? LIMIT 2"


def accept(
    connection: sqlite3.Connection, now: int, new: Sequence[NewNotification], outbox_lease: timedelta
) -> list[Acceptance]:
    """As `NotificationStore.accept`."""
    if not new:
        return []
    made_at_once = _at_once(now)
    columns = accepted_columns(new)
    for place, encode in _ENCODERS:
        columns[place] = [*map(encode, columns[place])]
    known: dict[Key, Kept] = {}
    pending: list[UUID] = []
    for one, row in zip(new, zip(*columns, strict=True), strict=True):
        due = _due(one, now)
        made = made_at_once if due is None else _later(now, due)
        if connection.execute(INSERT, row + made).rowcount == 1:
            known[by_key(one)] = Kept(one.id, one.fingerprint, made.status, from_microseconds(now))
            pending += [one.id] if due is None else []
            if one.files:
                _attach(connection, one)
        elif by_key(one) not in known:
            known[by_key(one)] = _prior(connection, by_key(one))
    enqueue_work(connection, pending, available_at=now + micros(outbox_lease))
    return acceptances(new, known)


def find_by_request(connection: sqlite3.Connection, tenant: str, request_id: str) -> list[UUID]:
    """As `NotificationStore.find_by_request`."""
    return [UUID(hex=row["id"]) for row in connection.execute(FIND_BY_REQUEST, (tenant, request_id))]


def _attach(connection: sqlite3.Connection, new: NewNotification) -> None:
    rows = [(identifier.hex, place, content) for identifier, place, content in attachment_rows([new])]
    connection.executemany(INSERT_ATTACHMENT, rows)


def _due(new: NewNotification, now: int) -> int | None:
    """The time of sending if it is in the future."""
    at = moment(new.send_at)
    return None if at is None or at <= now else at


def _at_once(now: int) -> _Made:
    """The added columns of notifications that are due now."""
    events = encode_events([event_now("accepted", now, status=Status.PENDING)])
    return _Made(Status.PENDING, None, now + micros(PENDING_GRACE), events, created_at=now, updated_at=now)


def _later(now: int, due: int) -> _Made:
    """The added columns of a notification that is due at `due`."""
    status, next_at = Status.SCHEDULED, rfc3339(from_microseconds(due))
    events = [event_now("accepted", now, status=status), event_now("scheduled", now, status=status, next_at=next_at)]
    return _Made(status, due, due, encode_events(events), created_at=now, updated_at=now)


def _prior(connection: sqlite3.Connection, key: Key) -> Kept:
    row = connection.execute(PRIOR, key).fetchone()
    return kept(domain(row), row["fingerprint"])
