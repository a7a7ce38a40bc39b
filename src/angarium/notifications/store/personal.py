"""Removes personal data from notifications' records.

Used by the erasure of a user and by redaction by age; `store.record` marks the columns. Identifiers of a record are
kept: ids, `request_id`, correlation, template. Not a hot path: SQLAlchemy Core, the same for every database.
"""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from angarium.notifications.store.record import RECORD, Column, Personal
from angarium.notifications.store.schema import (
    attachments,
    dead_letters,
    held_reports,
    notifications,
    outbox,
    receipts,
)

_KEPT = frozenset(
    {
        *("event", "at", "status", "attempt", "times", "since", "provider", "outcome", "duration_ms", "next_at"),
        *("segments", "encoding"),
    }
)
"""Fields of an event that are kept; a provider's answer may contain the address."""


def _taken_out(column: Column) -> Any:
    """The new value of the column; UNSET: BLANK does not change it."""
    match column.personal:
        case Personal.NULL:
            return None
        case Personal.EMPTY:
            return {}
        case Personal.REWRITTEN:
            return bindparam(f"b_{column.name}")
        case Personal.LATER | None:
            return UNSET
        case _:
            assert_never(column.personal)


BLANK = (
    update(notifications)
    .where(notifications.c.id == bindparam("b_id"))
    .values({column.name: taken for column in RECORD if (taken := _taken_out(column)) is not UNSET})
)
"""A statement with the arguments of `blank_row`."""
LATER: Mapping[str, None] = {column.name: None for column in RECORD if column.personal is Personal.LATER}
"""Values of columns that are removed once nothing of a notification is in progress."""


def blank_row(
    identifier: UUID, events: Sequence[Mapping[str, Any]], reason_code: str | None, *more: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of BLANK; `more` events are added unchanged."""
    return {
        "b_id": identifier,
        "b_events": [*map(impersonal, events), *more],
        "b_reason_message": None if reason_code is None else "",
    }


def impersonal(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event without texts from providers or callers."""
    return {name: value for name, value in event.items() if name in _KEPT}


async def drop_traces(connection: AsyncConnection, ids: Sequence[UUID]) -> int:
    """Delete dead letters, unpublished messages, delivery reports, receipts and attachments of notifications.

    Returns the number of dead letters.
    """
    letters = list(await connection.scalars(select(dead_letters.c.id).where(dead_letters.c.notification_id.in_(ids))))
    await drop_letters(connection, letters)
    await connection.execute(delete(outbox).where(outbox.c.subject.in_(ids)))
    await connection.execute(delete(held_reports).where(held_reports.c.notification_id.in_(ids)))
    await connection.execute(delete(receipts).where(receipts.c.notification_id.in_(ids)))
    await connection.execute(delete(attachments).where(attachments.c.notification_id.in_(ids)))
    return len(letters)


async def drop_letters(connection: AsyncConnection, letters: Sequence[UUID]) -> None:
    """Delete dead letters and their unpublished messages; the janitor removes them from `failed.queue`."""
    if letters:
        await connection.execute(delete(outbox).where(outbox.c.subject.in_(letters)))
        await connection.execute(delete(dead_letters).where(dead_letters.c.id.in_(letters)))
