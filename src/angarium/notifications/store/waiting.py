"""Measures how long work has waited, for the gauges."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.messages import urgent_queue, work_queue
from angarium.contracts.notifications import URGENT_PRIORITY
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.store.schema import notifications
from angarium.platform.database.engine import reading

EXAMINED = 1000
"""Maximum rows examined, so that the cost does not grow with the backlog."""
_WAITING: Sequence[Status] = (Status.PENDING, Status.RETRYING)


class WaitingWork:
    """Reads the age of the oldest waiting work of each queue."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def oldest(self) -> Mapping[str, datetime]:
        """When the oldest waiting notification of each queue was due, by queue name; queues without work are omitted.

        Examines the 1,000 rows that the sweeper would process first, which have waited longest. The light lane's work
        counts under the channel's main queue. Raises DatabaseUnavailable.
        """
        row = notifications.c
        due = func.coalesce(row.due_at, row.send_at, row.created_at, type_=row.created_at.type).label("due")
        first = (
            select(row.channel, (row.priority >= URGENT_PRIORITY).label("urgent"), due)
            .where(row.sweep_at.is_not(None), row.status.in_(_WAITING))
            .order_by(row.sweep_at)
            .limit(EXAMINED)
            .subquery()
        )
        query = select(first.c.channel, first.c.urgent, func.min(first.c.due, type_=row.created_at.type).label("since"))
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query.group_by(first.c.channel, first.c.urgent))).all()
        return {_queue(Channel(channel), urgent=bool(urgent)): since for channel, urgent, since in rows}


def _queue(channel: Channel, *, urgent: bool) -> str:
    return urgent_queue(channel) if urgent else work_queue(channel)
