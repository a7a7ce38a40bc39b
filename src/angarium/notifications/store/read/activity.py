"""Reads a tenant's recent activity. Every query is bounded, whatever the size of the table.

Takes no lock. Every method raises DatabaseUnavailable when the database cannot serve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, Select, case, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.envelope import TOTAL_LIMIT
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.store.read.queries import rows_of
from angarium.notifications.store.schema import notifications

SPAN = timedelta(minutes=1)
"""The length of a step of the chart."""
SAMPLED = 250
"""Maximum rows examined per minute. If there are more, the rate is extrapolated from the time that these span."""
AT_ONCE = 10
"""Minutes counted per statement."""
RECENT = 1_000
"""The newest notifications examined for latencies and failures."""
UNFINISHED: Sequence[Status] = (
    Status.SCHEDULED,
    Status.PENDING,
    Status.SENDING,
    Status.RETRYING,
    Status.UNKNOWN,
)
"""Statuses that are counted: unfinished ones, and those that need a decision."""


@dataclass(frozen=True, slots=True)
class Minute:
    """The number of notifications accepted in the minute from `start`, and the fraction that failed."""

    start: datetime
    accepted: float
    failed: float


@dataclass(frozen=True, slots=True)
class Recent:
    """The outcome of a recent notification. `seconds`: from its acceptance, or its `send_at`, until it was sent."""

    channel: Channel
    status: Status
    provider: str | None
    reason: str | None
    seconds: float | None


class ActivityReader:
    """Reads through `engine`, which the caller closes."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def minutes(self, tenant: str, starts: Sequence[datetime]) -> Sequence[Minute]:
        """The minutes that begin at `starts`, in that order."""
        found: list[Minute] = []
        for begin in range(0, len(starts), AT_ONCE):
            asked = starts[begin : begin + AT_ONCE]
            rows = {row["number"]: row for row in await rows_of(self._engine, _minutes_query(tenant, asked))}
            found += [_minute(start, rows.get(number)) for number, start in enumerate(asked)]
        return found

    async def recent(self, tenant: str, since: datetime) -> Sequence[Recent]:
        """The newest notifications that were accepted after `since`, newest first."""
        row = notifications.c
        shown = (row.channel, row.status, row.provider, row.reason_code, row.created_at, row.send_at, row.sent_at)
        query = (
            select(*shown)
            .where(row.tenant == tenant, row.created_at >= since)
            .order_by(row.created_at.desc(), row.id.desc())
            .limit(RECENT)
        )
        return [_recent(found) for found in await rows_of(self._engine, query)]

    async def unfinished(self, tenant: str) -> Mapping[Status, int]:
        """Number of notifications in each of UNFINISHED; 10,001 means that many or more."""
        counts = [
            select(func.count()).select_from(_few(tenant, status).subquery()).scalar_subquery().label(status.value)
            for status in UNFINISHED
        ]
        [found] = await rows_of(self._engine, select(*counts))
        return {status: int(found[status.value]) for status in UNFINISHED}

    async def oldest(self, tenant: str, status: Status) -> datetime | None:
        """When the oldest notification with that status was accepted; None if there is none."""
        row = notifications.c
        query = (
            select(row.created_at).where(row.tenant == tenant, row.status == status).order_by(row.created_at).limit(1)
        )
        rows = await rows_of(self._engine, query)
        return rows[0]["created_at"] if rows else None


def _few(tenant: str, status: Status) -> Select[Any]:
    row = notifications.c
    return select(literal(1).label("one")).where(row.tenant == tenant, row.status == status).limit(TOTAL_LIMIT + 1)


def _minutes_query(tenant: str, starts: Sequence[datetime]) -> Select[Any]:
    row = notifications.c
    parts = []
    for number, start in enumerate(starts):
        sample = (
            select(row.created_at, row.status)
            .where(row.tenant == tenant, row.created_at >= start, row.created_at < start + SPAN)
            .order_by(row.created_at)
            .limit(SAMPLED)
            .subquery()
        )
        moment = sample.c.created_at
        parts.append(
            select(
                literal(number).label("number"),
                func.count().label("rows"),
                func.min(moment, type_=moment.type).label("first"),
                func.max(moment, type_=moment.type).label("last"),
                func.sum(case((sample.c.status == Status.FAILED, 1), else_=0)).label("failed"),
            ).select_from(sample)
        )
    whole = union_all(*parts).subquery()
    return select(whole)


def _minute(start: datetime, found: RowMapping | None) -> Minute:
    rows = 0 if found is None else int(found["rows"])
    if found is None or not rows:
        return Minute(start, 0.0, 0.0)
    accepted = float(rows)
    if rows >= SAMPLED:
        took = max((found["last"] - found["first"]).total_seconds(), 0.001)
        accepted = rows / took * SPAN.total_seconds()
    return Minute(start, accepted, accepted * int(found["failed"]) / rows)


def _recent(row: RowMapping) -> Recent:
    begun = max(row["created_at"], row["send_at"] or row["created_at"])
    sent = row["sent_at"]
    return Recent(
        channel=Channel(row["channel"]),
        status=Status(row["status"]),
        provider=row["provider"],
        reason=row["reason_code"],
        seconds=None if sent is None else max(0.0, (sent - begun).total_seconds()),
    )
