"""The shared state of providers, in the notification database.

Each worker queries the database about once a second, never per message. Every change of a breaker is one conditional
UPDATE, so that only one of several workers makes it. Times use the database's clock only. Not a hot path: SQLAlchemy
Core, the same for every database.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, delete, false, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.providers import BreakerState
from angarium.notifications.providers.model import (
    ALIVE,
    PROBE_LEASE,
    Configured,
    ProviderState,
    Report,
    Standing,
)
from angarium.notifications.providers.reputation import NOTHING
from angarium.notifications.providers.reputation_store import ReputationStore, moment_of, read_totals
from angarium.notifications.providers.rows import standing_of, state_of
from angarium.notifications.providers.schema import provider_reports, providers
from angarium.platform.clock import Clock
from angarium.platform.database.deadlocks import begun_again
from angarium.platform.database.engine import querying, reading, writing

FORGOTTEN = timedelta(days=1)
"""A provider that no worker has had configured for this long is no longer listed."""
LONGEST_REASON = 500


class ProviderStore:
    """Shared by all workers and the gateway; one per process. Every method raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self.reputation = ReputationStore(engine, clock)

    @begun_again
    async def register(self, configured: Sequence[Configured]) -> None:
        """Insert or update each provider's configuration. Breakers do not change."""
        async with writing(self._engine) as connection:
            now = self._now()
            for one in configured:
                values: dict[str, Any] = {
                    "channel": one.channel,
                    "name": one.name,
                    "scheme": one.scheme,
                    "position": one.position,
                    "weight": one.weight,
                    "rate": one.rate,
                    "seen_at": now,
                }
                mine = providers.c.provider_id == one.provider_id
                changed = await connection.execute(update(providers).where(mine).values(values))
                if not changed.rowcount:
                    await self._create(connection, one.provider_id, values)

    @begun_again
    async def report(self, worker: str, reports: Sequence[Report]) -> None:
        """Store `worker`'s counts, which also marks it as alive."""
        async with writing(self._engine) as connection:
            now = self._now()
            for report in reports:
                await self._report(connection, worker, report, now)
            ids = [report.provider_id for report in reports]
            await connection.execute(update(providers).where(providers.c.provider_id.in_(ids)).values(seen_at=now))

    async def states(self, worker: str, provider_ids: Sequence[UUID]) -> Sequence[ProviderState]:
        """The state of providers for `worker`. Unregistered ones are omitted."""
        async with querying(self._engine) as connection:
            rows = (await connection.execute(self._states(provider_ids, worker))).all()
        return [state_of(row) for row in rows]

    async def leave(self, worker: str) -> None:
        """Remove the counts of a worker that ends, and release its probes."""
        async with writing(self._engine) as connection:
            await connection.execute(delete(provider_reports).where(provider_reports.c.worker == worker))
            await connection.execute(
                update(providers).where(providers.c.probe_by == worker).values(probe_by=None, probe_at=self._now())
            )

    async def open(
        self, provider_id: UUID, *, reason: str, pauses: Sequence[timedelta], worker: str | None = None
    ) -> bool:
        """Open the breaker; return whether this call did so.

        Opens it from `closed`, or with `worker` from that worker's probe. The pause before the next probe is the entry
        of `pauses` for the number of consecutive trips, or the last one. A breaker set by an operator does not change.
        """
        mine = providers.c
        allowed = mine.breaker == BreakerState.CLOSED if worker is None else _probe_of(worker)
        change = update(providers).where(mine.provider_id == provider_id, mine.forced == false(), allowed)
        values = {
            "breaker": BreakerState.OPEN,
            "reason": reason[:LONGEST_REASON],
            "changed_at": self._now(),
            "opened_at": func.coalesce(mine.opened_at, self._now()),
            "probe_at": self._after_pause(pauses),
            "probe_by": None,
            "trips": mine.trips + 1,
        }
        async with writing(self._engine) as connection:
            done = await connection.execute(change.values(values))
            if done.rowcount:  # the counts belong to the time before
                await connection.execute(
                    update(provider_reports)
                    .where(provider_reports.c.provider_id == provider_id)
                    .values(answers=0, faults=0, in_a_row=0)
                )
        return bool(done.rowcount)

    async def take_probe(self, provider_id: UUID, worker: str) -> bool:
        """Reserve the probe for `worker`'s next send; return whether this call did so.

        Another worker may send a probe if there is no outcome within PROBE_LEASE.
        """
        mine = providers.c
        change = (
            update(providers)
            .where(mine.provider_id == provider_id, _probe_due(self._now()))
            .values(
                breaker=BreakerState.HALF_OPEN,
                probe_by=worker,
                probe_at=self._later(PROBE_LEASE),
                changed_at=case((mine.breaker == BreakerState.HALF_OPEN, mine.changed_at), else_=self._now()),
            )
        )
        async with writing(self._engine) as connection:
            return bool((await connection.execute(change)).rowcount)

    async def close(self, provider_id: UUID, worker: str) -> bool:
        """Close the breaker after `worker`'s probe; return whether this call did so."""
        change = (
            update(providers)
            .where(providers.c.provider_id == provider_id, _probe_of(worker))
            .values(_closed(self._now()))
        )
        async with writing(self._engine) as connection:
            return bool((await connection.execute(change)).rowcount)

    async def force(self, provider_id: UUID, state: BreakerState | None) -> Standing | None:
        """Set the breaker for an operator; None returns it to the workers, closed.

        Until then only operators can change it.

        Returns the provider's previous state; None if there is none.
        """
        async with writing(self._engine) as connection:
            before = await self._standings(connection, providers.c.provider_id == provider_id)
            values = _closed(self._now())
            if state is BreakerState.OPEN:
                values |= {
                    "breaker": BreakerState.OPEN,
                    "reason": "opened by an operator",
                    "opened_at": self._now(),
                }
            values["forced"] = state is not None
            await connection.execute(update(providers).where(providers.c.provider_id == provider_id).values(values))
        return before[0] if before else None

    async def standings(self, provider_id: UUID | None = None) -> Sequence[Standing]:
        """Every provider recently configured in a worker (or the given one), by channel and position."""
        wanted = (
            providers.c.seen_at > self._later(-FORGOTTEN)
            if provider_id is None
            else providers.c.provider_id == provider_id
        )
        async with reading(self._engine) as connection:
            return await self._standings(connection, wanted)

    async def _create(self, connection: AsyncConnection, provider_id: UUID, values: Mapping[str, Any]) -> None:
        new = {"provider_id": provider_id, "breaker": BreakerState.CLOSED, "forced": False, "trips": 0, **values}
        try:
            async with connection.begin_nested():
                await connection.execute(insert(providers).values(new))
        except IntegrityError:  # another starting worker was first, with the same settings
            return

    async def _report(self, connection: AsyncConnection, worker: str, report: Report, now: Any) -> None:
        values = {
            "answers": report.answers,
            "faults": report.faults,
            "in_a_row": report.in_a_row,
            "busy": report.busy,
            "reported_at": now,
        }
        mine = and_(provider_reports.c.provider_id == report.provider_id, provider_reports.c.worker == worker)
        changed = await connection.execute(update(provider_reports).where(mine).values(values))
        if not changed.rowcount:
            new = {"provider_id": report.provider_id, "worker": worker, **values}
            await connection.execute(insert(provider_reports).values(new))

    def _states(self, ids: Sequence[UUID], worker: str) -> Any:
        mine, theirs = providers.c, provider_reports.c
        other = theirs.worker != worker
        return (
            select(
                mine.provider_id,
                mine.breaker,
                mine.forced,
                mine.sender,
                case((_probe_due(self._now()), true()), else_=false()).label("probe_due"),
                func.coalesce(func.sum(case((other, theirs.answers), else_=0)), 0).label("answers"),
                func.coalesce(func.sum(case((other, theirs.faults), else_=0)), 0).label("faults"),
                func.coalesce(func.sum(case((other, theirs.in_a_row), else_=0)), 0).label("in_a_row"),
                func.count(theirs.worker).label("workers"),
                func.coalesce(func.sum(case((theirs.busy == true(), 1), else_=0)), 0).label("busy"),
            )
            .select_from(providers.outerjoin(provider_reports, self._alive()))
            .where(mine.provider_id.in_(ids))
            .group_by(mine.provider_id)
        )

    async def _standings(self, connection: AsyncConnection, wanted: ColumnElement[bool]) -> Sequence[Standing]:
        mine, theirs = providers.c, provider_reports.c
        query = (
            select(
                providers,
                func.coalesce(func.sum(theirs.answers), 0).label("answers"),
                func.coalesce(func.sum(theirs.faults), 0).label("faults"),
                func.count(theirs.worker).label("workers"),
            )
            .select_from(providers.outerjoin(provider_reports, self._alive()))
            .where(wanted)
            .group_by(*providers.c)
            .order_by(mine.channel, mine.position, mine.name)
        )
        rows = (await connection.execute(query)).all()
        totals = await read_totals(connection, self._clock, [row.provider_id for row in rows])
        return [standing_of(row, totals.get(row.provider_id, NOTHING)) for row in rows]

    def _alive(self) -> ColumnElement[bool]:
        same = provider_reports.c.provider_id == providers.c.provider_id
        return and_(same, provider_reports.c.reported_at > self._later(-ALIVE))

    def _after_pause(self, pauses: Sequence[timedelta]) -> ColumnElement[Any]:
        trips = providers.c.trips
        steps = [(trips == number, self._later(pause)) for number, pause in enumerate(pauses[:-1])]
        return case(*steps, else_=self._later(pauses[-1])) if steps else self._later(pauses[-1])

    def _now(self) -> ColumnElement[Any]:
        return self._later(timedelta(0))

    def _later(self, wait: timedelta) -> ColumnElement[Any]:
        return moment_of(self._engine.dialect.name, self._clock, wait)


def _closed(now: ColumnElement[Any]) -> dict[str, Any]:
    return {
        "breaker": BreakerState.CLOSED,
        "reason": None,
        "changed_at": now,
        "opened_at": None,
        "probe_at": None,
        "probe_by": None,
        "trips": 0,
    }


def _probe_of(worker: str) -> ColumnElement[bool]:
    return and_(providers.c.breaker == BreakerState.HALF_OPEN, providers.c.probe_by == worker)


def _probe_due(now: ColumnElement[Any]) -> ColumnElement[bool]:
    """Open and its pause is over, or half open and its probe has no result; never if an operator has set it."""
    not_closed = providers.c.breaker.in_([BreakerState.OPEN, BreakerState.HALF_OPEN])
    return and_(not_closed, providers.c.forced == false(), providers.c.probe_at <= now)
