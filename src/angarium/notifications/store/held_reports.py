"""Delivery reports that arrived before their send was recorded, held until it is.

Not a hot path: SQLAlchemy Core, the same for every database. Every method raises DatabaseUnavailable.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, delete, insert, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.fields import EARLIEST, LATEST
from angarium.contracts.statuses import UNFINISHED, Status
from angarium.notifications.store.schema import held_reports, notifications
from angarium.platform.database.engine import querying, writing

Key = tuple[UUID, str]
"""The identity of a held report: its notification and status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report from a trusted service or a provider's webhook that a sent notification was delivered or failed."""

    notification_id: UUID
    tenant: str
    status: Status
    reported_by: str
    reported_at: datetime
    error: str | None = None

    @property
    def key(self) -> Key:
        """The key; of several reports with one key the first is held."""
        return (self.notification_id, str(self.status))


class HeldReports:
    """Holds at most one report per notification and status: the first."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def hold(self, report: Report) -> None:
        """Store a report. Idempotent."""
        values = {name: getattr(report, name) for name in Report.__slots__} | {"status": str(report.status)}
        try:
            async with writing(self._engine) as connection:
                await connection.execute(insert(held_reports).values(values))
        except IntegrityError:
            return  # it is already held

    async def due(self, limit: int, *, without: Collection[Key] = ()) -> Sequence[Report]:
        """Reports whose notification is no longer in progress, in the order of their creation.

        Those in `without` are omitted. A time outside of the range for requests is clamped, since earlier releases
        accepted any.
        """
        mine = held_reports.c
        moved = notifications.c.status.not_in(sorted(UNFINISHED)) | notifications.c.status.is_(None)
        query = (
            select(held_reports)
            .outerjoin(notifications, notifications.c.id == mine.notification_id)
            .where(moved, tuple_(mine.notification_id, mine.status).not_in(without))
            .order_by(mine.reported_at, mine.status)
            .limit(limit)
        )
        async with querying(self._engine) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [_report(row) for row in rows]

    async def forget(self, report: Report) -> None:
        """Delete a report. Idempotent."""
        mine = held_reports.c
        this = (mine.notification_id == report.notification_id) & (mine.status == str(report.status))
        async with writing(self._engine) as connection:
            await connection.execute(delete(held_reports).where(this))


def _report(row: RowMapping) -> Report:
    at = min(max(row["reported_at"], EARLIEST), LATEST)
    return Report(**{**row, "status": Status(row["status"]), "reported_at": at})
