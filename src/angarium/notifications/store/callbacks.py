"""Queries of callbacks with their notifications, within the caller's transaction.

Every function raises DatabaseUnavailable when the database cannot serve.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from angarium.notifications.store.schema import callbacks, notifications

_OF_CALLBACK = tuple(column for column in callbacks.c if column.name not in {"attempts", "state", "next_at"})
_OF_NOTIFICATION = (
    notifications.c.request_id,
    notifications.c.user_id,
    notifications.c.metadata,
    notifications.c.correlation_id,
    notifications.c.traceparent,
)


async def lock_due(connection: AsyncConnection, ids: Sequence[UUID], now: datetime) -> Sequence[RowMapping]:
    """Lock those of `ids` that are due and not locked by another gateway, in the order of their ids.

    A row has the callback, and `request_id`, `user_id`, `metadata`, `correlation_id` and `traceparent` of its
    notification, which are null if that was deleted.
    """
    beside = callbacks.outerjoin(notifications, notifications.c.id == callbacks.c.notification_id)
    mine = (callbacks.c.id.in_(ids), callbacks.c.next_at <= now)
    query = select(*_OF_CALLBACK, *_OF_NOTIFICATION).select_from(beside).order_by(callbacks.c.id)
    if connection.dialect.name == "mysql":
        # MariaDB locks the rows of all joined tables, so callbacks of locked notifications would be skipped.
        lock = select(callbacks.c.id).where(*mine).order_by(callbacks.c.id).with_for_update(skip_locked=True)
        query = query.where(callbacks.c.id.in_((await connection.scalars(lock)).all()))
    else:
        query = query.where(*mine).with_for_update(of=callbacks, skip_locked=True)
    rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
    return rows


async def append_events(connection: AsyncConnection, events: Mapping[UUID, Sequence[Mapping[str, Any]]]) -> None:
    """Append events to notifications' timelines, locking rows in the order of their ids."""
    columns = (notifications.c.id, notifications.c.events)
    query = select(*columns).where(notifications.c.id.in_(sorted(events))).order_by(notifications.c.id)
    for row in (await connection.execute(query.with_for_update())).all():
        change = update(notifications).where(notifications.c.id == row.id)
        await connection.execute(change.values(events=[*row.events, *events[row.id]]))
