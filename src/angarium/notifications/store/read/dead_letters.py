"""Reads the lists of dead letters. Every method raises DatabaseUnavailable when the database cannot serve."""

from operator import eq, lt
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.dead_letters import DeadLetterFilter, DeadLetterGroup, DeadLetterView
from angarium.contracts.notifications import Reason
from angarium.notifications.store.paging import Found, Listing, Paging
from angarium.notifications.store.read.queries import given, rows_of
from angarium.notifications.store.schema import dead_letters
from angarium.platform.database.engine import reading

_BY_TIME = Listing(dead_letters.c.failed_at, dead_letters.c.id)


class DeadLetterReader:
    """Reads through `engine`, never through a replica, so that a replayed dead letter disappears at once."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, tenant: str, dead_letter_id: UUID) -> DeadLetterView | None:
        """The dead letter, if the tenant has it."""
        query = select(dead_letters).where(dead_letters.c.tenant == tenant, dead_letters.c.id == dead_letter_id)
        rows = await rows_of(self._engine, query)
        return _view(rows[0]) if rows else None

    async def of_notification(self, tenant: str, notification_id: UUID) -> DeadLetterView | None:
        """The dead letter of a notification, if the tenant has one."""
        mine = (dead_letters.c.tenant == tenant, dead_letters.c.notification_id == notification_id)
        rows = await rows_of(self._engine, select(dead_letters).where(*mine).limit(1))
        return _view(rows[0]) if rows else None

    async def find(
        self, tenant: str, wanted: DeadLetterFilter, *, page: int = 1, limit: int = 10, cursor: str | None = None
    ) -> Found[DeadLetterView]:
        """Matching dead letters, newest first. Raises ValidationFailed for an invalid cursor."""
        query = select(dead_letters).where(*_conditions(tenant, wanted))
        async with reading(self._engine) as connection:
            rows, total, following = await _BY_TIME.page(connection, query, Paging(limit, page, cursor))
        return Found([_view(row) for row in rows], total, following)

    async def by_reason(
        self, tenant: str, wanted: DeadLetterFilter, *, newest: int | None = None
    ) -> list[DeadLetterGroup]:
        """Dead letters counted by reason and channel, most frequent first; `newest`: only among that many."""
        number = func.count()
        matching = select(dead_letters).where(*_conditions(tenant, wanted))
        if newest is not None:
            matching = matching.order_by(dead_letters.c.failed_at.desc(), dead_letters.c.id.desc()).limit(newest)
        letters = matching.subquery()
        kind = (letters.c.reason_code, letters.c.channel)
        query = (
            select(
                letters.c.reason_code.label("reason"),
                letters.c.channel,
                number.label("count"),
                func.min(letters.c.failed_at, type_=letters.c.failed_at.type).label("oldest_at"),
                func.max(letters.c.reason_message).label("example"),
            )
            .group_by(*kind)
            .order_by(number.desc(), *kind)
        )
        return [DeadLetterGroup(**row) for row in await rows_of(self._engine, query)]

    async def matching(self, tenant: str, wanted: DeadLetterFilter) -> list[UUID]:
        """The ids of all matching dead letters, oldest first."""
        order = (dead_letters.c.failed_at, dead_letters.c.id)
        query = select(dead_letters.c.id).where(*_conditions(tenant, wanted)).order_by(*order)
        return [row["id"] for row in await rows_of(self._engine, query)]

    async def count(self, *, at_most: int | None = None, tenant: str | None = None) -> int:
        """Number of dead letters of `tenant`, or of all tenants.

        With `at_most` counting stops there.
        """
        counted = select(dead_letters.c.id).where(*given((dead_letters.c.tenant, eq, tenant))).limit(at_most).subquery()
        [row] = await rows_of(self._engine, select(func.count().label("count")).select_from(counted))
        return int(row["count"])


def _conditions(tenant: str, wanted: DeadLetterFilter) -> list[ColumnElement[bool]]:
    columns = dead_letters.c
    return given(
        (columns.tenant, eq, tenant),
        (columns.channel, eq, wanted.channel),
        (columns.reason_code, eq, wanted.reason),
        (columns.template_code, eq, wanted.template_code),
        (columns.failed_at, lt, wanted.older_than),
    )


def _view(row: RowMapping) -> DeadLetterView:
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
