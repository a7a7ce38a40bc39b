"""What is asked of the record by people and their programs: one notification, its timeline, lists, dead letters.

On SQLAlchemy Core, one form for every database; takes no lock, and may be given a read replica.
Every method raises DatabaseUnavailable when the database cannot serve.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import eq, ge, lt
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.dead_letters import DeadLetterFilter, DeadLetterGroup, DeadLetterView
from angarium.contracts.notifications import NotificationView, Reason
from angarium.contracts.statuses import Channel, Status, delivery_status
from angarium.notifications.store.paging import Found, Listing, Paging
from angarium.notifications.store.schema import dead_letters, notification_metadata, notifications
from angarium.platform.database.engine import reading
from angarium.platform.database.replica import Replica

_SHOWN = (
    notifications.c.id,
    notifications.c.request_id,
    notifications.c.channel,
    notifications.c.user_id,
    notifications.c.recipient,
    notifications.c.template_code,
    notifications.c.template_version,
    notifications.c.locale,
    notifications.c.category,
    notifications.c.priority,
    notifications.c.status,
    notifications.c.reason_code,
    notifications.c.reason_message,
    notifications.c.attempts,
    notifications.c.provider,
    notifications.c.provider_message_id,
    notifications.c.variables,
    notifications.c.metadata,
    notifications.c.correlation_id,
    notifications.c.fallback,
    notifications.c.fallback_of,
    notifications.c.send_at,
    notifications.c.expires_at,
    notifications.c.created_at,
    notifications.c.updated_at,
    notifications.c.sent_at,
    notifications.c.delivered_at,
    notifications.c.test,
)
_SAME_NAME = tuple(
    column.name for column in _SHOWN if column.name not in {"id", "channel", "status", "reason_code", "reason_message"}
)
_BY_TIME = Listing(notifications.c.created_at, notifications.c.id)
_BY_METADATA = Listing(notification_metadata.c.created_at, notification_metadata.c.id)
_LETTERS_BY_TIME = Listing(dead_letters.c.failed_at, dead_letters.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFilter:
    """Which notifications are meant; what is None does not matter. `from_` ≤ created_at < `to`.

    `metadata`: names and values, all of which it must say; a value is compared as text, so 42 and "42" are the same.
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
    """A user's notifications by status, and when one was last sent."""

    by_status: Mapping[Status, int]
    last_sent_at: datetime | None


class NotificationReader:
    """Reads through `engine`, which stays its owner's.

    With a `replica` one notification, its timeline and lists are read from there; from `engine` where the
    replica cannot serve or has not yet got the row. Dead letters are not: a replayed one is off the list at once.
    """

    def __init__(self, engine: AsyncEngine, *, replica: Replica | None = None) -> None:
        self._engine = engine
        self._replica = replica

    async def get(self, tenant: str, notification_id: UUID) -> NotificationView | None:
        """The notification, if the tenant has it."""
        row = await self._nearest(select(*_SHOWN).where(_mine(tenant, notification_id)))
        return None if row is None else _view(row)

    async def get_now(self, tenant: str, notification_id: UUID) -> NotificationView | None:
        """As `get`, never from a replica: what the caller itself has just changed."""
        row = await self._row(select(*_SHOWN).where(_mine(tenant, notification_id)))
        return None if row is None else _view(row)

    async def events(self, tenant: str, notification_id: UUID) -> list[dict[str, Any]] | None:
        """The timeline, oldest first; None: the tenant has no such notification."""
        row = await self._nearest(select(notifications.c.events).where(_mine(tenant, notification_id)))
        return None if row is None else list(row["events"])

    async def find(
        self, tenant: str, wanted: NotificationFilter, *, page: int = 1, limit: int = 10, cursor: str | None = None
    ) -> Found[NotificationView]:
        """Those that match, newest first. Raises ValidationFailed for a cursor that is none."""
        search, paging = _search(tenant, wanted), Paging(limit, page, cursor)
        rows, total, following = await (self._replica or Replica(self._engine)).read(partial(_page, search, paging))
        return Found([_view(row) for row in rows], total, following)

    async def count_of_user(self, tenant: str, user_id: str) -> UserCounts:
        """How many notifications of the user there are in each status."""
        columns = notifications.c
        latest = func.max(columns.sent_at, type_=columns.sent_at.type)
        mine = (columns.tenant == tenant) & (columns.user_id == user_id)
        rows = await self._rows(
            select(columns.status, func.count().label("count"), latest.label("latest"))
            .where(mine)
            .group_by(columns.status)
        )
        moments = [row["latest"] for row in rows if row["latest"] is not None]
        return UserCounts({Status(row["status"]): row["count"] for row in rows}, max(moments, default=None))

    async def letter(self, tenant: str, letter_id: UUID) -> DeadLetterView | None:
        """The dead letter, if it is on the tenant's list."""
        row = await self._row(
            select(dead_letters).where(dead_letters.c.tenant == tenant, dead_letters.c.id == letter_id)
        )
        return None if row is None else _letter(row)

    async def letters(
        self, tenant: str, wanted: DeadLetterFilter, *, page: int = 1, limit: int = 10, cursor: str | None = None
    ) -> Found[DeadLetterView]:
        """Dead letters that match, newest first. Raises ValidationFailed for a cursor that is none."""
        query = select(dead_letters).where(*_letter_conditions(tenant, wanted))
        async with reading(self._engine) as connection:
            rows, total, following = await _LETTERS_BY_TIME.page(connection, query, Paging(limit, page, cursor))
        return Found([_letter(row) for row in rows], total, following)

    async def letters_by_reason(self, tenant: str, wanted: DeadLetterFilter) -> list[DeadLetterGroup]:
        """How many letters there are for each reason and channel, the most first."""
        number = func.count()
        kind = (dead_letters.c.reason_code, dead_letters.c.channel)
        query = (
            select(
                dead_letters.c.reason_code.label("reason"),
                dead_letters.c.channel,
                number.label("count"),
                func.min(dead_letters.c.failed_at, type_=dead_letters.c.failed_at.type).label("oldest_at"),
                func.max(dead_letters.c.reason_message).label("example"),
            )
            .where(*_letter_conditions(tenant, wanted))
            .group_by(*kind)
            .order_by(number.desc(), *kind)
        )
        return [DeadLetterGroup(**row) for row in await self._rows(query)]

    async def matching_letters(self, tenant: str, wanted: DeadLetterFilter) -> list[UUID]:
        """The ids of all letters that match, oldest first."""
        order = (dead_letters.c.failed_at, dead_letters.c.id)
        query = select(dead_letters.c.id).where(*_letter_conditions(tenant, wanted)).order_by(*order)
        return [row["id"] for row in await self._rows(query)]

    async def count_letters(self, *, at_most: int | None = None) -> int:
        """How many dead letters are on the lists of all tenants; with `at_most`, that many mean that many or more."""
        counted = select(dead_letters.c.id).limit(at_most).subquery()
        [row] = await self._rows(select(func.count().label("letters")).select_from(counted))
        return int(row["letters"])

    async def _nearest(self, query: Select[Any]) -> RowMapping | None:
        """The row as the replica has it; as the primary has it where the replica has none, or is away."""
        row = None if self._replica is None else await self._replica.read(partial(_first, query))
        return row or await self._row(query)

    async def _row(self, query: Select[Any]) -> RowMapping | None:
        rows = await self._rows(query)
        return rows[0] if rows else None

    async def _rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        async with reading(self._engine) as connection:
            rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
        return rows


async def _page(
    search: "_Search", paging: Paging, connection: AsyncConnection
) -> tuple[Sequence[Any], int | None, str | None]:
    return await search.listing.page(connection, search.query, paging, search.counted)


async def _first(query: Select[Any], connection: AsyncConnection) -> RowMapping | None:
    row: RowMapping | None = (await connection.execute(query)).mappings().first()
    return row


def _mine(tenant: str, notification_id: UUID) -> ColumnElement[bool]:
    return (notifications.c.id == notification_id) & (notifications.c.tenant == tenant)


@dataclass(frozen=True, slots=True)
class _Search:
    """A query in the order of the index that serves it; `counted` finds as many rows for less, where there is such."""

    listing: Listing
    query: Select[Any]
    counted: Select[Any] | None = None


def _search(tenant: str, wanted: NotificationFilter) -> _Search:
    """By metadata where that is asked for, else by time."""
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
        *_given((kept.created_at, ge, wanted.from_), (kept.created_at, lt, wanted.to)),
    )
    query = (
        select(*_SHOWN)
        .join_from(notification_metadata, notifications, notifications.c.id == kept.id)
        .where(*said, *conditions)
    )
    alone = wanted == NotificationFilter(metadata=wanted.metadata, from_=wanted.from_, to=wanted.to)
    return _Search(_BY_METADATA, query, select(kept.id).where(*said) if alone else None)


def _says(tenant: str, name: str, value: str) -> ColumnElement[bool]:
    """Whether the notification's metadata says also this: one look by key."""
    other, first = notification_metadata.alias(), notification_metadata.c
    return exists().where(
        other.c.tenant == tenant,
        other.c.name == name,
        other.c.value == value,
        other.c.created_at == first.created_at,
        other.c.id == first.id,
    )


def _conditions(wanted: NotificationFilter) -> list[ColumnElement[bool]]:
    columns = notifications.c
    return _given(
        (columns.user_id, eq, wanted.user_id),
        (columns.status, eq, wanted.status),
        (columns.channel, eq, wanted.notification_type),
        (columns.template_code, eq, wanted.template_code),
        (columns.request_id, eq, wanted.request_id),
        (columns.created_at, ge, wanted.from_),
        (columns.created_at, lt, wanted.to),
    )


def _letter_conditions(tenant: str, wanted: DeadLetterFilter) -> list[ColumnElement[bool]]:
    columns = dead_letters.c
    return _given(
        (columns.tenant, eq, tenant),
        (columns.channel, eq, wanted.channel),
        (columns.reason_code, eq, wanted.reason),
        (columns.template_code, eq, wanted.template_code),
        (columns.failed_at, lt, wanted.older_than),
    )


def _given(*conditions: tuple[ColumnElement[Any], Callable[[Any, Any], Any], Any]) -> list[ColumnElement[bool]]:
    """The comparisons whose value is set."""
    return [compare(column, value) for column, compare, value in conditions if value is not None]


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
        **{name: row[name] for name in _SAME_NAME},
    )


def _letter(row: RowMapping) -> DeadLetterView:
    return DeadLetterView(
        id=row["id"],
        notification_id=row["notification_id"],
        channel=row["channel"],
        template_code=row["template_code"],
        reason=Reason(code=row["reason_code"], message=row["reason_message"]),
        attempts=row["attempts"],
        correlation_id=row["correlation_id"],
        failed_at=row["failed_at"],
        payload=row["payload"],
    )
