"""The outcomes of each sender's sends, and whether its marketing is paused, in the notification database.

Workers and gateways add their counts every few seconds, never per message. Every change of the state is one conditional
UPDATE, so that only one of several workers makes it. Hours are those of the database's clock. Not a hot path:
SQLAlchemy Core, the same for every database.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, false, func, insert, literal, or_, select, type_coerce, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.providers import SenderState
from angarium.notifications.providers.reputation import PERIOD, Totals
from angarium.notifications.providers.schema import provider_hours, providers
from angarium.platform.clock import Clock
from angarium.platform.database.deadlocks import begun_again
from angarium.platform.database.engine import querying, writing
from angarium.platform.database.moments import database_moment
from angarium.platform.database.types import UtcDateTime

KEPT = 2 * PERIOD
"""How long hourly totals are stored."""
LONGEST_REASON = 500
_NOW = timedelta(0)
_mine = providers.c
_hours = provider_hours.c


class ReputationStore:
    """Shared by all workers and gateways; one per process. Every method raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    @begun_again
    async def add(self, counted: Mapping[UUID, Totals]) -> None:
        """Add a process's counts to the current hour."""
        async with writing(self._engine) as connection:
            await add_totals(connection, self._clock, counted)

    async def totals(self, provider_ids: Sequence[UUID]) -> Mapping[UUID, Totals]:
        """The totals of PERIOD; a provider without any is omitted."""
        async with querying(self._engine) as connection:
            return await read_totals(connection, self._clock, provider_ids)

    async def pause(self, provider_id: UUID, reason: str) -> bool:
        """Pause a sender's marketing; return whether this call did so. A state set by an operator does not change."""
        active = or_(_mine.sender.is_(None), _mine.sender == SenderState.ACTIVE)
        return await self._change(provider_id, active, self._values(SenderState.PAUSED, reason))

    async def resume(self, provider_id: UUID) -> bool:
        """End the pause; return whether this call did so. A state set by an operator does not change."""
        paused = _mine.sender == SenderState.PAUSED
        return await self._change(provider_id, paused, self._values(SenderState.ACTIVE, None))

    async def force(self, provider_id: UUID, state: SenderState | None) -> bool:
        """Set the state for an operator; return whether the provider exists. Only operators can change it then.

        None returns it to the workers, active, and resets the counts.
        """
        reason = "paused by an operator" if state is SenderState.PAUSED else None
        values = {**self._values(state or SenderState.ACTIVE, reason), "sender_forced": state is not None}
        async with writing(self._engine) as connection:
            done = await connection.execute(update(providers).where(_mine.provider_id == provider_id).values(values))
            if state is None:
                await connection.execute(delete(provider_hours).where(_hours.provider_id == provider_id))
        return bool(done.rowcount)

    async def prune(self) -> int:
        """Delete outdated totals; return the number of hours."""
        before = moment_of(self._engine.dialect.name, self._clock, -KEPT)
        async with writing(self._engine) as connection:
            return (await connection.execute(delete(provider_hours).where(_hours.hour <= before))).rowcount

    async def _change(self, provider_id: UUID, allowed: ColumnElement[bool], values: Mapping[str, Any]) -> bool:
        free = or_(_mine.sender_forced.is_(None), _mine.sender_forced == false())
        change = update(providers).where(_mine.provider_id == provider_id, free, allowed).values(values)
        async with writing(self._engine) as connection:
            return bool((await connection.execute(change)).rowcount)

    def _values(self, state: SenderState, reason: str | None) -> dict[str, Any]:
        return {
            "sender": state,
            "sender_reason": None if reason is None else reason[:LONGEST_REASON],
            "sender_changed_at": moment_of(self._engine.dialect.name, self._clock),
        }


def moment_of(dialect: str, clock: Clock, wait: timedelta = _NOW) -> ColumnElement[Any]:
    """The database's time plus `wait`. On SQLite it is the process's time."""
    return literal(clock.now() + wait, UtcDateTime()) if dialect == "sqlite" else database_moment(dialect, wait)


async def add_totals(connection: AsyncConnection, clock: Clock, counted: Mapping[UUID, Totals]) -> None:
    """Add to the current hour within the caller's transaction. It should be the last step of it.

    Rows are locked in the order of their ids, so concurrent additions cannot deadlock.
    """
    hour = await _hour(connection, clock)
    for provider_id, totals in sorted(counted.items()):
        if not await _added(connection, provider_id, hour, totals):
            await _begin(connection, provider_id, hour, totals)


async def read_totals(connection: AsyncConnection, clock: Clock, provider_ids: Sequence[UUID]) -> Mapping[UUID, Totals]:
    """The totals of PERIOD; a provider without any is omitted."""
    if not provider_ids:
        return {}
    since = moment_of(connection.dialect.name, clock, -PERIOD)
    query = (
        select(_hours.provider_id, *(func.sum(_hours[name]).label(name) for name in Totals.__struct_fields__))
        .where(_hours.provider_id.in_(provider_ids), _hours.hour > since)
        .group_by(_hours.provider_id)
    )
    rows = await connection.execute(query)
    return {row.provider_id: Totals(int(row.sends), int(row.bounces), int(row.complaints)) for row in rows}


async def _hour(connection: AsyncConnection, clock: Clock) -> datetime:
    moment = type_coerce(moment_of(connection.dialect.name, clock), UtcDateTime())
    now: datetime = (await connection.execute(select(moment))).scalar_one()
    return now.replace(minute=0, second=0, microsecond=0)


async def _added(connection: AsyncConnection, provider_id: UUID, hour: datetime, totals: Totals) -> bool:
    """Add to an existing hour; return whether it exists."""
    values = {
        "sends": _hours.sends + totals.sends,
        "bounces": _hours.bounces + totals.bounces,
        "complaints": _hours.complaints + totals.complaints,
    }
    this = update(provider_hours).where(_hours.provider_id == provider_id, _hours.hour == hour)
    return bool((await connection.execute(this.values(values))).rowcount)


async def _begin(connection: AsyncConnection, provider_id: UUID, hour: datetime, totals: Totals) -> None:
    values = {
        "provider_id": provider_id,
        "hour": hour,
        "sends": totals.sends,
        "bounces": totals.bounces,
        "complaints": totals.complaints,
    }
    try:
        async with connection.begin_nested():
            await connection.execute(insert(provider_hours).values(values))
    except IntegrityError:  # another process has just started the hour
        await _added(connection, provider_id, hour, totals)
