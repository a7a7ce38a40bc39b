# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Acceptance on SQLite."""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from angarium.contracts.fields import rfc3339
from angarium.contracts.statuses import Status
from angarium.notifications.model import Acceptance, NewNotification
from angarium.notifications.store.acceptances import Kept, Key, acceptances
from angarium.notifications.store.arguments import Row, accepted_row, by_key
from angarium.notifications.store.rows import kept
from angarium.notifications.store.sqlite.outbox import enqueue_work
from angarium.notifications.store.sqlite.sql import domain, event_now, micros, moment
from angarium.notifications.store.timeline import encode_events
from angarium.notifications.store.timing import PENDING_GRACE
from angarium.platform.database.types import from_microseconds

_COLUMNS = (
    "id", "tenant", "caller", "request_id", "fingerprint", "channel", "user_id", "template_code", "template_version",
    "locale", "category", "priority", "variables", "correlation_id", "traceparent", "recipient", "metadata", "policy",
    "test", "fallback", "fallback_of", "callback_url", "send_at", "expires_at",
    "status", "attempts", "due_at", "sweep_at", "events", "created_at", "updated_at",
)  # fmt: skip
_INSERT = f"""
INSERT INTO notifications ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" * len(_COLUMNS))})
ON CONFLICT (request_id, tenant, caller) DO NOTHING
"""
_PRIOR = """
SELECT id, fingerprint, status, created_at FROM notifications WHERE tenant = ? AND request_id = ? AND caller = ?
"""


def accept(
    connection: sqlite3.Connection, now: int, batch: Sequence[NewNotification], outbox_lease: timedelta
) -> list[Acceptance]:
    """As `NotificationStore.accept`."""
    opening = encode_events([event_now("accepted", now, status=Status.PENDING)])
    known: dict[Key, Kept] = {}
    pending: list[UUID] = []
    for new in batch:
        later = _is_later(new, now)
        if connection.execute(_INSERT, _row(new, now, _scheduling(new, now) if later else opening)).rowcount == 1:
            status = Status.SCHEDULED if later else Status.PENDING
            known[by_key(new)] = Kept(new.id, new.fingerprint, status, from_microseconds(now))
            pending += [] if later else [new.id]
        elif by_key(new) not in known:
            known[by_key(new)] = _prior(connection, by_key(new))
    enqueue_work(connection, pending, available_at=now + micros(outbox_lease))
    return acceptances(batch, known)


def _is_later(new: NewNotification, now: int) -> bool:
    return new.send_at is not None and (moment(new.send_at) or 0) > now


def _row(new: NewNotification, now: int, events: str) -> Row:
    given = list(accepted_row(new))
    given[0] = new.id.hex
    given[-4] = None if new.fallback_of is None else new.fallback_of.hex
    given[-2], given[-1] = moment(new.send_at), moment(new.expires_at)
    if _is_later(new, now):
        return (*given, Status.SCHEDULED, 0, given[-2], given[-2], events, now, now)
    return (*given, Status.PENDING, 0, None, now + micros(PENDING_GRACE), events, now, now)


def _scheduling(new: NewNotification, now: int) -> str:
    status = Status.SCHEDULED
    due = None if new.send_at is None else rfc3339(new.send_at)
    return encode_events(
        [event_now("accepted", now, status=status), event_now("scheduled", now, status=status, next_at=due)]
    )


def _prior(connection: sqlite3.Connection, key: Key) -> Kept:
    row = connection.execute(_PRIOR, key).fetchone()
    return kept(domain(row), row["fingerprint"])
