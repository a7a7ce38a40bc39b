"""Delivery reports that came before the send they speak of was recorded, kept until it is.

Not a hot path: SQLAlchemy Core, one form for every database. Every method raises DatabaseUnavailable.
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
"""What makes a held report the same one: its notification and its status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a trusted service, or a provider's webhook, says of a notification that was sent: delivered, or failed."""

    notification_id: UUID
    tenant: str
    status: Status
    reported_by: str
    reported_at: datetime
    error: str | None = None

    @property
    def key(self) -> Key:
        """Of two reports with one key the first is held."""
        return (self.notification_id, str(self.status))


class HeldReports:
    """At most one of each status for a notification: the first."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def hold(self, report: Report) -> None:
        """Keep it; idempotent."""
        values = {name: getattr(report, name) for name in Report.__slots__} | {"status": str(report.status)}
        try:
            async with writing(self._engine) as connection:
                await connection.execute(insert(held_reports).values(values))
        except IntegrityError:
            return  # it is held already

    async def due(self, limit: int, *, without: Collection[Key] = ()) -> Sequence[Report]:
        """Reports whose notification the system need not move on any more, in the order in which they were made.

        Those of `without` are left out. A time beyond what requests may give is read as the nearest that they may:
        earlier releases took any.
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
