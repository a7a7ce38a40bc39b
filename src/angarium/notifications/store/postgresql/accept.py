# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""Acceptance on PostgreSQL."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from angarium.contracts.statuses import Status
from angarium.notifications.model import Acceptance, AcceptOutcome, NewNotification
from angarium.notifications.store.acceptances import Kept, Key, acceptances, missing
from angarium.notifications.store.arguments import (
    accepted_columns,
    attachment_rows,
    by_key,
    is_ordinary,
    ordinary_columns,
)
from angarium.notifications.store.port import StoreUnavailable
from angarium.notifications.store.postgresql.sql import PENDING_SWEEP, Database, arrays, default, names
from angarium.notifications.store.record import ORDINARY, RARE, kinds
from angarium.notifications.store.rows import kept
from angarium.notifications.store.triggers.sql import postgresql_rfc3339
from angarium.platform.database.postgresql_pool import Record

_ATTEMPTS = 3
_ACCEPT = """
WITH moment AS (SELECT {now} AS text),
opening AS (
    SELECT jsonb_build_array(jsonb_build_object('event', 'accepted', 'at', text, 'status', 'pending')) AS pending,
           jsonb_build_object('event', 'accepted', 'at', text, 'status', 'scheduled') AS scheduled
    FROM moment
),
created AS (
    INSERT INTO notifications ({columns}, status, attempts, due_at, sweep_at, events, created_at, updated_at)
    SELECT {columns},
        CASE WHEN later THEN 'scheduled' ELSE 'pending' END,
        0,
        CASE WHEN later THEN send_at END,
        CASE WHEN later THEN send_at ELSE {sweep} END,
        CASE WHEN later THEN jsonb_build_array(
            (SELECT scheduled FROM opening),
            jsonb_build_object('event', 'scheduled', 'at', (SELECT text FROM moment), 'status', 'scheduled',
                               'next_at', {next_at}))
        ELSE (SELECT pending FROM opening) END,
        now(), now()
    FROM (SELECT *, coalesce(send_at > now(), false) AS later FROM ({given}) AS given) AS judged
    ON CONFLICT (request_id, tenant, caller) DO NOTHING
    RETURNING id, status, created_at
), queued AS (
    INSERT INTO outbox (subject, kind, available_at)
    SELECT id, 'work', clock_timestamp() + ${lease}::interval FROM created WHERE status = 'pending'
){more}
SELECT id, status, created_at FROM created
"""


def _accept(given: str, arguments: int, more: str = "") -> str:
    return _ACCEPT.format(
        more=more,
        columns=names(ORDINARY + RARE),
        given=given,
        lease=arguments + 1,
        now=postgresql_rfc3339("now()"),
        next_at=postgresql_rfc3339("send_at"),
        sweep=PENDING_SWEEP,
    )


_GIVEN = f"SELECT * FROM unnest({arrays(kinds(ORDINARY + RARE))}) AS arrays ({names(ORDINARY + RARE)})"
_COUNT = len(ORDINARY + RARE)
ACCEPT = _accept(_GIVEN, _COUNT)
"""Inserts new notifications with their outbox rows; existing keys are not returned.

Arguments: an array for each column, then the outbox lease.
"""

ACCEPT_ATTACHED = _accept(
    _GIVEN,
    _COUNT,
    f""", attached AS (
    INSERT INTO attachments (notification_id, position, content)
    SELECT given.id, given.position, given.content
    FROM unnest(${_COUNT + 2}::uuid[], ${_COUNT + 3}::int2[], ${_COUNT + 4}::bytea[]) AS given (id, position, content)
    JOIN created ON created.id = given.id
)""",
)
"""The same with attachments.

Arguments: as for ACCEPT, then notification, position and content of each attachment.
"""

ACCEPT_PLAIN = _accept(
    f"""
    SELECT *, {", ".join(f"{default(column)} AS {column.name}" for column in RARE)}
    FROM unnest({arrays(kinds(ORDINARY))}) AS arrays ({names(ORDINARY)})
    """,
    len(ORDINARY),
)
"""The same for a batch with default values in RARE: a third fewer values to send and parse."""

PRIOR = """
SELECT n.id, n.tenant, n.request_id, n.caller, n.fingerprint, n.status, n.created_at
FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (tenant, request_id, caller)
CROSS JOIN LATERAL (
    SELECT * FROM notifications n
    WHERE n.request_id = wanted.request_id AND (n.tenant = wanted.tenant AND n.caller = wanted.caller) IS TRUE
    LIMIT 1
) AS n
"""

FIND_BY_REQUEST = "SELECT id FROM notifications WHERE request_id = $2 AND (tenant = $1) IS TRUE LIMIT 2"


async def accept(db: Database, new: Sequence[NewNotification], outbox_lease: timedelta) -> Sequence[Acceptance]:
    """As `NotificationStore.accept`."""
    rows = await _insert(db, sorted(new, key=by_key), outbox_lease)
    if len(rows) == len(new) and all(row["status"] == Status.PENDING for row in rows):
        return [Acceptance(AcceptOutcome.CREATED, n.id, Status.PENDING, rows[0]["created_at"]) for n in new]
    return await _settle(db, new, _created(new, rows), outbox_lease)


async def find_by_request(db: Database, tenant: str, request_id: str) -> Sequence[UUID]:
    """As `NotificationStore.find_by_request`."""
    return [row["id"] for row in await db.fetch(FIND_BY_REQUEST, tenant, request_id)]


async def _settle(
    db: Database, new: Sequence[NewNotification], known: dict[Key, Kept], outbox_lease: timedelta
) -> Sequence[Acceptance]:
    """The answers, once the row of each key is known."""
    for _ in range(_ATTEMPTS):
        known |= await _prior(db, missing(new, known))
        again = sorted(missing(new, known), key=by_key)
        if not again:
            return acceptances(new, known)
        known |= _created(again, await _insert(db, again, outbox_lease))
    message = "rows were deleted while their requests were repeated"
    raise StoreUnavailable(message)


async def _insert(db: Database, new: Sequence[NewNotification], outbox_lease: timedelta) -> Sequence[Record]:
    if not new:
        return []
    if db.fast_paths and is_ordinary(new):
        return await db.fetch(ACCEPT_PLAIN, *ordinary_columns(new), outbox_lease)
    files = attachment_rows(new)
    if files:
        attached = zip(*files, strict=True)
        return await db.fetch(ACCEPT_ATTACHED, *accepted_columns(new), outbox_lease, *attached)
    return await db.fetch(ACCEPT, *accepted_columns(new), outbox_lease)


async def _prior(db: Database, taken: Sequence[NewNotification]) -> dict[Key, Kept]:
    if not taken:
        return {}
    rows = await db.fetch(PRIOR, *zip(*map(by_key, taken), strict=True))
    return {(row["tenant"], row["request_id"], row["caller"]): kept(row, row["fingerprint"]) for row in rows}


def _created(new: Sequence[NewNotification], rows: Sequence[Record]) -> dict[Key, Kept]:
    """The newly inserted `rows` by the keys of `new`."""
    created = {row["id"]: row for row in rows}
    return {by_key(n): kept(created[n.id], n.fingerprint) for n in new if n.id in created}
