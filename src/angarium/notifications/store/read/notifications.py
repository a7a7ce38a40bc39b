"""Reads notifications, their timelines, lists, and users' counts.

Takes no lock, and can use a read replica. Every method raises DatabaseUnavailable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from operator import eq, ge, lt
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Select, Text, cast, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.envelope import TOTAL_LIMIT
from angarium.contracts.notifications import NotificationView, Reason
from angarium.contracts.statuses import Channel, Status, delivery_status
from angarium.notifications.options import shown
from angarium.notifications.store.paging import Cursor, Found, Listing, Paging
from angarium.notifications.store.read.dead_letters import DeadLetterReader
from angarium.notifications.store.read.queries import given, rows_of
from angarium.notifications.store.record import Use, used
from angarium.notifications.store.schema import notification_metadata, notifications
from angarium.platform.caching import LocalCache
from angarium.platform.clock import Clock
from angarium.platform.database.replica import Replica

_SHOWN = tuple(notifications.c[column.name] for column in used(Use.SHOWN))
_RENAMED = {"id", "channel", "status", "reason_code", "reason_message", "options"}
_SAME_NAME = tuple(column.name for column in used(Use.SHOWN) if column.name not in _RENAMED)
_BY_TIME = Listing(notifications.c.created_at, notifications.c.id)
OF_ONE_REQUEST = 1_000
"""Maximum notifications with one request_id in a search."""
EXAMINED = 20_000
"""Notifications examined per page of a search by address."""
CAPPED_FOR = timedelta(seconds=10)
"""How long a capped list is not counted again: only a mass deletion could make it shorter, and counting is
expensive."""
CAPPED_LISTS = 1_000
_BY_METADATA = Listing(notification_metadata.c.created_at, notification_metadata.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFilter:
    """Filter of a list; None matches all. `from_` ≤ created_at < `to`.

    `metadata`: names and values, all of which must match; values are compared as text, so 42 equals "42".
    """

    user_id: str | None = None
    status: Status | None = None
    notification_type: Channel | None = None
    template_code: str | None = None
    request_id: str | None = None
    from_: datetime | None = None
    to: datetime | None = None
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class UserCounts:
    """A user's notifications by status, and when the last one was sent."""

    by_status: Mapping[Status, int]
    last_sent_at: datetime | None


class NotificationReader:
    """Reads through `engine`, which the caller closes.

    With a `replica` notifications, timelines and lists are read from there, or from `engine` if the replica fails or
    does not have the row yet. `dead_letters` are read from `engine` only.
    """

    def __init__(self, engine: AsyncEngine, *, replica: Replica | None = None, clock: Clock | None = None) -> None:
        """With a `clock`, it is cached for a moment that a list exceeds the count limit."""
        self._capped: LocalCache[tuple[str, NotificationFilter], int] | None = (
            None if clock is None else LocalCache(clock, max_entries=CAPPED_LISTS, ttl=CAPPED_FOR)
        )
        self._engine = engine
        self._replica = replica
        self.dead_letters = DeadLetterReader(engine)

    async def get(self, tenant: str, notification_id: UUID) -> NotificationView | None:
        """The notification, if the tenant has it."""
        row = await self._nearest(select(*_SHOWN).where(_mine(tenant, notification_id)))
        return None if row is None else _view(row)

    async def get_now(self, tenant: str, notification_id: UUID) -> NotificationView | None:
        """As `get`, but never from a replica, for data that the caller has just changed."""
        row = await self._row(select(*_SHOWN).where(_mine(tenant, notification_id)))
        return None if row is None else _view(row)

    async def events(self, tenant: str, notification_id: UUID) -> list[dict[str, Any]] | None:
        """The timeline, oldest first; None if the tenant has no such notification."""
        row = await self._nearest(select(notifications.c.events).where(_mine(tenant, notification_id)))
        return None if row is None else list(row["events"])

    async def find(
        self, tenant: str, wanted: NotificationFilter, *, page: int = 1, limit: int = 10, cursor: str | None = None
    ) -> Found[NotificationView]:
        """Matching notifications, newest first. Raises ValidationFailed for an invalid cursor."""
        search, paging = _search(tenant, wanted), Paging(limit, page, cursor)
        known = None if self._capped is None else self._capped.peek((tenant, wanted))
        read = partial(_page, search, paging, known)
        rows, total, following = await (self._replica or Replica(self._engine)).read(read)
        if self._capped is not None and known is None and total is not None and total > TOTAL_LIMIT:
            self._capped.put((tenant, wanted), total)
        return Found([_view(row) for row in rows], total, following)

    async def newest(self, tenant: str, limit: int) -> Sequence[NotificationView]:
        """The newest notifications, newest first; nothing is counted."""
        order = (notifications.c.created_at.desc(), notifications.c.id.desc())
        query = select(*_SHOWN).where(notifications.c.tenant == tenant).order_by(*order).limit(limit)
        return [_view(row) for row in await rows_of(self._engine, query)]

    async def find_by_address(
        self, tenant: str, address: str, wanted: NotificationFilter, *, limit: int, cursor: str | None = None
    ) -> Found[NotificationView]:
        """Of the newest EXAMINED matches of `wanted` those with that address in `recipient`, newest first.

        Addresses are not indexed: `next_cursor` continues after the examined rows, even if none matched. Raises
        ValidationFailed for an invalid cursor.
        """
        place = None if cursor is None else Cursor.parse(cursor)
        search = partial(_by_address, tenant, address, wanted, limit, place)
        return await (self._replica or Replica(self._engine)).read(search)

    async def count_of_user(self, tenant: str, user_id: str) -> UserCounts:
        """The number of the user's notifications per status."""
        columns = notifications.c
        latest = func.max(columns.sent_at, type_=columns.sent_at.type)
        mine = (columns.tenant == tenant) & (columns.user_id == user_id)
        rows = await rows_of(
            self._engine,
            select(columns.status, func.count().label("count"), latest.label("latest"))
            .where(mine)
            .group_by(columns.status),
        )
        moments = [row["latest"] for row in rows if row["latest"] is not None]
        return UserCounts({Status(row["status"]): row["count"] for row in rows}, max(moments, default=None))

    async def _nearest(self, query: Select[Any]) -> RowMapping | None:
        """Read the row from the replica, or from the primary if the replica is unavailable or does not have it."""
        row = None if self._replica is None else await self._replica.read(partial(_first, query))
        return row or await self._row(query)

    async def _row(self, query: Select[Any]) -> RowMapping | None:
        rows = await rows_of(self._engine, query)
        return rows[0] if rows else None


async def _page(
    search: "_Search", paging: Paging, known: int | None, connection: AsyncConnection
) -> tuple[Sequence[Any], int | None, str | None]:
    return await search.listing.page(connection, search.query, paging, search.counted, known)


async def _by_address(
    tenant: str,
    address: str,
    wanted: NotificationFilter,
    limit: int,
    place: Cursor | None,
    connection: AsyncConnection,
) -> Found[NotificationView]:
    columns = notifications.c
    conditions = [columns.tenant == tenant, *_conditions(wanted)]
    if place is not None:
        conditions.append(_BY_TIME.after(place))
    order = (columns.created_at.desc(), columns.id.desc())
    examined = select(*_SHOWN).where(*conditions).order_by(*order).limit(EXAMINED).subquery()
    written = msgspec.json.encode(address).decode()
    matching = cast(examined.c.recipient, Text()).contains(written, autoescape=True)
    query = select(examined).where(matching).order_by(examined.c.created_at.desc(), examined.c.id.desc())
    rows = (await connection.execute(query.limit(limit + 1))).mappings().all()
    if len(rows) > limit:
        return Found([_view(row) for row in rows[:limit]], None, _BY_TIME.cursor_of(rows[limit - 1]))
    last = select(columns.created_at, columns.id).where(*conditions).order_by(*order).offset(EXAMINED - 1).limit(1)
    end = (await connection.execute(last)).mappings().first()
    return Found([_view(row) for row in rows], None, None if end is None else _BY_TIME.cursor_of(end))


async def _first(query: Select[Any], connection: AsyncConnection) -> RowMapping | None:
    row: RowMapping | None = (await connection.execute(query)).mappings().first()
    return row


def _mine(tenant: str, notification_id: UUID) -> ColumnElement[bool]:
    return (notifications.c.id == notification_id) & (notifications.c.tenant == tenant)


@dataclass(frozen=True, slots=True)
class _Search:
    """A query in the order of its index; `counted` is a cheaper query with the same number of rows, if there is one."""

    listing: Listing
    query: Select[Any]
    counted: Select[Any] | None = None


def _search(tenant: str, wanted: NotificationFilter) -> _Search:
    """Search by metadata if requested, otherwise by time."""
    if wanted.request_id is not None and not wanted.metadata:
        return _by_request(tenant, wanted.request_id, wanted)
    conditions = (notifications.c.tenant == tenant, *_conditions(wanted))
    if not wanted.metadata:
        return _Search(_BY_TIME, select(*_SHOWN).where(*conditions))
    (name, value), *others = wanted.metadata
    kept = notification_metadata.c
    said = (
        kept.tenant == tenant,
        kept.name == name,
        kept.value == value,
        *(_says(tenant, name, value) for name, value in others),
        *given((kept.created_at, ge, wanted.from_), (kept.created_at, lt, wanted.to)),
    )
    query = (
        select(*_SHOWN)
        .join_from(notification_metadata, notifications, notifications.c.id == kept.id)
        .where(*said, *conditions)
    )
    alone = wanted == NotificationFilter(metadata=wanted.metadata, from_=wanted.from_, to=wanted.to)
    return _Search(_BY_METADATA, query, select(kept.id).where(*said) if alone else None)


def _by_request(tenant: str, request_id: str, wanted: NotificationFilter) -> _Search:
    """Search by request id, which has at most one row per caller of a tenant.

    The limit makes every database read these rows first; SQLite would otherwise read the whole list in order.
    """
    row = notifications.c
    few = select(*_SHOWN).where(row.tenant == tenant, row.request_id == request_id).limit(OF_ONE_REQUEST).subquery()
    query = select(few).where(*_conditions(replace(wanted, request_id=None), few.c))
    return _Search(Listing(few.c.created_at, few.c.id), query)


def _says(tenant: str, name: str, value: str) -> ColumnElement[bool]:
    """Condition that the metadata also has this value: one look-up by key."""
    other, first = notification_metadata.alias(), notification_metadata.c
    return exists().where(
        other.c.tenant == tenant,
        other.c.name == name,
        other.c.value == value,
        other.c.created_at == first.created_at,
        other.c.id == first.id,
    )


def _conditions(wanted: NotificationFilter, columns: Any = notifications.c) -> list[ColumnElement[bool]]:
    return given(
        (columns.user_id, eq, wanted.user_id),
        (columns.status, eq, wanted.status),
        (columns.channel, eq, wanted.notification_type),
        (columns.template_code, eq, wanted.template_code),
        (columns.request_id, eq, wanted.request_id),
        (columns.created_at, ge, wanted.from_),
        (columns.created_at, lt, wanted.to),
    )


def _reason(row: RowMapping) -> Reason | None:
    return None if row["reason_code"] is None else Reason(code=row["reason_code"], message=row["reason_message"] or "")


def _view(row: RowMapping) -> NotificationView:
    status = Status(row["status"])
    return NotificationView(
        notification_id=row["id"],
        notification_type=row["channel"],
        status=status,
        delivery_status=delivery_status(status),
        reason=_reason(row),
        **shown(row["options"]),
        **{name: row[name] for name in _SAME_NAME},
    )
