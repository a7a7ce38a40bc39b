# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Acceptance on MariaDB and MySQL."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from angarium.contracts.fields import rfc3339
from angarium.contracts.statuses import Status
from angarium.notifications.model import Acceptance, Event, NewNotification
from angarium.notifications.store.acceptances import Kept, Key, acceptances, missing
from angarium.notifications.store.arguments import accepted_columns, by_key
from angarium.notifications.store.mysql.attachments import attach
from angarium.notifications.store.mysql.outbox import enqueue_work
from angarium.notifications.store.mysql.sql import MOMENT, Database, Row, encoders, moment, names, pieces
from angarium.notifications.store.port import StoreUnavailable
from angarium.notifications.store.record import ORDINARY, RARE
from angarium.notifications.store.rows import kept
from angarium.notifications.store.timeline import encode_events
from angarium.notifications.store.timing import PENDING_GRACE
from angarium.platform.database.mysql_pool import Session

_ATTEMPTS = 3
_ACCEPTED = ORDINARY + RARE
_ENCODERS = encoders(_ACCEPTED)


class _Made(NamedTuple):
    """The columns that the store adds to those of an acceptance."""

    status: Status
    due_at: datetime | None
    sweep_at: datetime
    events: str
    created_at: datetime
    updated_at: datetime
    attempts: int = 0


_ROW = f"({', '.join(['%s'] * len(_ACCEPTED + _Made._fields))})"
INSERT = f"""
INSERT INTO notifications ({names(_ACCEPTED)}, {", ".join(_Made._fields)}) VALUES
"""
INSERT_UNLESS_THERE = "ON DUPLICATE KEY UPDATE notifications.id = notifications.id"
"""A no-op that does not count as a change. IGNORE would also truncate long values."""

PRIOR = """
SELECT id, tenant, request_id, caller, fingerprint, status, created_at FROM notifications
    FORCE INDEX (uq_notifications_request_id_tenant_caller)
WHERE
"""
_ONE_KEY = "(request_id = %s AND tenant = %s AND caller = %s)"
FIND_BY_REQUEST = "SELECT id FROM notifications WHERE request_id = %s AND tenant = %s LIMIT 2"


async def accept(db: Database, new: Sequence[NewNotification], outbox_lease: timedelta) -> Sequence[Acceptance]:
    """As `NotificationStore.accept`."""
    known: dict[Key, Kept] = {}
    for _ in range(_ATTEMPTS):
        again = sorted(missing(new, known), key=by_key)
        if not again:
            return acceptances(new, known)
        known |= await db.transaction(partial(_accept, new=again, outbox_lease=outbox_lease))
    if missing(new, known):
        message = "rows were deleted while their requests were repeated"
        raise StoreUnavailable(message)
    return acceptances(new, known)


async def find_by_request(db: Database, tenant: str, request_id: str) -> Sequence[UUID]:
    """As `NotificationStore.find_by_request`."""
    return [UUID(row["id"]) for row in await db.fetch(FIND_BY_REQUEST, request_id, tenant)]


async def _accept(session: Session, new: Sequence[NewNotification], outbox_lease: timedelta) -> dict[Key, Kept]:
    [row] = await session.fetch(MOMENT)
    now: datetime = row["now"]
    if await _insert(session, new, now) == len(new):
        created = {by_key(one): Kept(one.id, one.fingerprint, _made(one, now).status, _aware(now)) for one in new}
        await attach(session, new)
        await enqueue_work(session, _pending(new, now), after=outbox_lease)
        return created
    known = await _prior(session, new)
    # A row with the caller's id may come from an earlier call whose answer was lost.
    created_now = [one for one in new if _is(one, known.get(by_key(one)), _aware(now))]
    await attach(session, created_now)
    await enqueue_work(session, _pending(created_now, now), after=outbox_lease)
    return known


def _is(new: NewNotification, row: Kept | None, created_at: datetime) -> bool:
    return row is not None and row.id == new.id and row.created_at == created_at


async def _insert(session: Session, new: Sequence[NewNotification], now: datetime) -> int:
    """Insert rows; return the number of new ones."""
    columns = accepted_columns(new)
    for place, encode in _ENCODERS:
        columns[place] = [*map(encode, columns[place])]
    rows: list[tuple[Any, ...]] = [
        (*row, *_made(one, now)) for one, row in zip(new, zip(*columns, strict=True), strict=True)
    ]
    created = 0
    for piece in pieces(rows):
        statement = f"{INSERT}{', '.join([_ROW] * len(piece))} {INSERT_UNLESS_THERE}"
        created += (await session.run(statement, *(value for row in piece for value in row))).changed
    return created


async def _prior(session: Session, new: Sequence[NewNotification]) -> dict[Key, Kept]:
    keys = [(tenant, request_id, caller) for tenant, request_id, caller in map(by_key, new)]
    wanted = " OR ".join([_ONE_KEY] * len(keys))
    values = [value for tenant, request_id, caller in keys for value in (request_id, tenant, caller)]
    return {_key(row): _kept(row) for row in await session.fetch(f"{PRIOR} {wanted}", *values)}


def _key(row: Row) -> Key:
    return (row["tenant"], row["request_id"], row["caller"])


def _kept(row: Row) -> Kept:
    return kept({**row, "id": UUID(row["id"]), "created_at": _aware(row["created_at"])}, row["fingerprint"])


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


def _due(new: NewNotification, now: datetime) -> datetime | None:
    """The time of sending if it is in the future."""
    at = moment(new.send_at)
    return None if at is None or at <= now else at


def _pending(new: Sequence[NewNotification], now: datetime) -> list[UUID]:
    return [one.id for one in new if _due(one, now) is None]


def _made(new: NewNotification, now: datetime) -> _Made:
    due = _due(new, now)
    if due is None:
        events = encode_events([Event("accepted", _aware(now), {"status": Status.PENDING})])
        return _Made(Status.PENDING, None, now + PENDING_GRACE, events, created_at=now, updated_at=now)
    status = Status.SCHEDULED
    told = {"status": status, "next_at": rfc3339(_aware(due))}
    events = encode_events([Event("accepted", _aware(now), {"status": status}), Event("scheduled", _aware(now), told)])
    return _Made(status, due, due, events, created_at=now, updated_at=now)
