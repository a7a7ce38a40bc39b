"""Callbacks in the notification database: leases, attempts, replays. SQLAlchemy Core, the same for every database.

Leases use the database's clock. A change of several rows locks callbacks in the order of their ids, then notifications
in the order of theirs.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, Tuple, delete, literal, select, tuple_, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.durations import later
from angarium.contracts.fields import rfc3339
from angarium.contracts.statuses import Status
from angarium.notifications.store.callbacks import append_events, lock_due
from angarium.notifications.store.schema import callbacks
from angarium.platform.clock import Clock
from angarium.platform.database.deadlocks import begun_again
from angarium.platform.database.engine import reading, writing
from angarium.platform.database.moments import database_moment
from angarium.platform.database.types import UtcDateTime
from angarium.platform.identifiers import Identifiers
from angarium.services.gateway.callbacks.endpoints import Endpoints
from angarium.services.gateway.callbacks.looking import due
from angarium.services.gateway.callbacks.model import Attempted, Callback, Recorded, State, endpoint_hash

REPLAYED_AT_ONCE = 500
RoomFor = Callable[[str], int]
"""How many more concurrent attempts an origin or a tenant may have."""


class CallbackStore:
    """Uses `engine`, which the caller closes; `clock` is the database's clock on SQLite, which has none.

    Every method raises DatabaseUnavailable when the database cannot serve.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, identifiers: Identifiers) -> None:
        self._engine = engine
        self._clock = clock
        self._identifiers = identifiers

    async def lease(
        self,
        limit: int,
        *,
        lease: timedelta,
        room_for: RoomFor,
        room_of: RoomFor,
        crowded: Collection[str],
        full: Collection[str],
    ) -> Sequence[Callback]:
        """Lease up to `limit` due callbacks, oldest first, within the limits of each origin and tenant.

        Those of `crowded` origins and `full` tenants are skipped, so that they cannot hide others.
        """
        async with reading(self._engine) as connection:
            now = await self._now(connection)
            found = (await connection.execute(due(now, crowded, full, self._engine.dialect.name))).all()
        chosen = _chosen([(row.id, row.origin, row.tenant) for row in found], limit, room_for, room_of)
        if not chosen:
            return []
        async with writing(self._engine) as connection:
            now = await self._now(connection)
            rows = await lock_due(connection, chosen, now)
            await self._forget([row["id"] for row in rows if row["request_id"] is None], connection)
            living = [row for row in rows if row["request_id"] is not None]
            return await self._leased(connection, living, now + lease)

    @begun_again
    async def record(self, batch: Sequence[Attempted]) -> tuple[Collection[UUID], Sequence[Attempted]]:
        """Record attempts with a valid lease: update their callbacks, and those of newly disabled endpoints.

        An attempt is stored in its callback and in the notification's timeline.
        """
        async with writing(self._engine) as connection:
            now = await self._now(connection)
            kept = await self._held(connection, batch)
            current = [attempted for attempted in batch if attempted.callback.id in kept]
            for attempted in current:
                await self._write(connection, attempted, kept[attempted.callback.id], now)
            await append_events(connection, _events(current, now))
            disabled = await Endpoints(connection, now).learn(current)
        return set(kept), disabled

    async def attempts(self, tenant: str, notification_id: UUID) -> Sequence[Recorded]:
        """Every attempt of a notification's callbacks, oldest first."""
        mine = (callbacks.c.tenant == tenant) & (callbacks.c.notification_id == notification_id)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(select(callbacks).where(mine))).mappings().all()
        found = [_recorded(row, number, one) for row in rows for number, one in enumerate(row["attempts"], 1)]
        return sorted(found, key=lambda attempt: (attempt.at, attempt.callback_id, attempt.attempt))

    async def replay(self, tenant: str, notification_id: UUID) -> int:
        """Make every callback of a notification due now, whatever its state; return their number.

        Enables their endpoints.
        """
        return await self._replay(tenant, callbacks.c.notification_id == notification_id)

    async def replay_range(self, tenant: str, start: datetime, end: datetime) -> int:
        """The same for callbacks of events from `start` on and before `end`."""
        return await self._replay(tenant, callbacks.c.occurred_at >= start, callbacks.c.occurred_at < end)

    async def _replay(self, tenant: str, *wanted: ColumnElement[bool]) -> int:
        place = (callbacks.c.occurred_at, callbacks.c.id)
        query = select(*place, callbacks.c.url).where(callbacks.c.tenant == tenant, *wanted)
        query = query.order_by(*place).limit(REPLAYED_AT_ONCE)
        replayed, rows = 0, await self._page(query)
        while rows:
            await self._make_due(tenant, rows)
            replayed += len(rows)
            # The first of the two is for MariaDB, which seeks by a column, not by a pair.
            onwards = callbacks.c.occurred_at >= rows[-1]["occurred_at"]
            rows = await self._page(query.where(onwards, tuple_(*place) > _place(rows[-1])))
        return replayed

    async def _page(self, query: Select[Any]) -> Sequence[RowMapping]:
        async with reading(self._engine) as connection:
            rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
        return rows

    @begun_again
    async def _make_due(self, tenant: str, rows: Sequence[RowMapping]) -> None:
        ids = [row["id"] for row in rows]
        async with writing(self._engine) as connection:
            now = await self._now(connection)
            await connection.execute(_locked(ids))
            due = update(callbacks).where(callbacks.c.id.in_(ids))
            await connection.execute(due.values(state=State.PENDING, tries=0, next_at=now))
            await Endpoints(connection, now).enable(tenant, {endpoint_hash(row["url"]) for row in rows})

    async def _now(self, connection: AsyncConnection) -> datetime:
        if self._engine.dialect.name == "sqlite":
            return self._clock.now()
        moment = type_coerce(database_moment(self._engine.dialect.name), UtcDateTime())
        answer = await connection.execute(select(moment))
        now: datetime = answer.scalar_one()
        return now

    async def _leased(
        self, connection: AsyncConnection, rows: Sequence[RowMapping], until: datetime
    ) -> Sequence[Callback]:
        if not rows:
            return []
        ids = [row["id"] for row in rows]
        await connection.execute(update(callbacks).where(callbacks.c.id.in_(ids)).values(next_at=until))
        keys = {(row["tenant"], endpoint_hash(row["url"])) for row in rows}
        disabled = await Endpoints(connection, until).disabled(keys)
        return [_callback(row, until, disabled) for row in rows]

    async def _forget(self, ids: Sequence[UUID], connection: AsyncConnection) -> None:
        """Delete callbacks whose notification was erased."""
        if ids:
            await connection.execute(delete(callbacks).where(callbacks.c.id.in_(ids)))

    async def _held(self, connection: AsyncConnection, batch: Sequence[Attempted]) -> Mapping[UUID, list[Any]]:
        """The earlier attempts of each callback whose lease is still that of the attempt."""
        leases = {attempted.callback.id: attempted.callback.leased_until for attempted in batch}
        rows = (await connection.execute(_locked(list(leases)))).mappings().all()
        return {row["id"]: row["attempts"] for row in rows if row["next_at"] == leases[row["id"]]}

    async def _write(self, connection: AsyncConnection, attempted: Attempted, before: list[Any], now: datetime) -> None:
        callback, answer = attempted.callback, attempted.answer
        next_at = None if attempted.wait is None else later(now, attempted.wait)
        attempt = {
            "id": str(self._identifiers.new()),
            "at": rfc3339(answer.at),
            "status_code": answer.status_code,
            "error": answer.error,
            "duration_ms": answer.duration_ms,
            "next_at": None if next_at is None else rfc3339(next_at),
        }
        await connection.execute(
            update(callbacks)
            .where(callbacks.c.id == callback.id)
            .values(state=attempted.state, tries=callback.tries + 1, next_at=next_at, attempts=[*before, attempt])
        )


def _place(row: RowMapping) -> Tuple:
    """The position of `row` in the order of a replay."""
    return tuple_(literal(row["occurred_at"], UtcDateTime()), literal(row["id"], callbacks.c.id.type))


def _chosen(due: Sequence[tuple[UUID, str, str]], limit: int, room_for: RoomFor, room_of: RoomFor) -> Sequence[UUID]:
    chosen: list[UUID] = []
    at_origins: Counter[str] = Counter()
    of_tenants: Counter[str] = Counter()
    for identifier, origin, tenant in due:
        room = at_origins[origin] < room_for(origin) and of_tenants[tenant] < room_of(tenant)
        if len(chosen) < limit and room:
            at_origins[origin] += 1
            of_tenants[tenant] += 1
            chosen.append(identifier)
    return chosen


def _locked(ids: Sequence[UUID]) -> Select[Any]:
    columns = (callbacks.c.id, callbacks.c.next_at, callbacks.c.attempts)
    return select(*columns).where(callbacks.c.id.in_(ids)).order_by(callbacks.c.id).with_for_update()


def _callback(row: RowMapping, until: datetime, disabled: Collection[tuple[str, str]]) -> Callback:
    values = dict(row)
    return Callback(
        **{**values, "status": Status(values["status"])},
        leased_until=until,
        disabled=(row["tenant"], endpoint_hash(row["url"])) in disabled,
    )


def _events(batch: Sequence[Attempted], now: datetime) -> Mapping[UUID, Sequence[Mapping[str, Any]]]:
    """The events of attempts, by notification."""
    events: dict[UUID, list[Mapping[str, Any]]] = {}
    for attempted in batch:
        events.setdefault(attempted.callback.notification_id, []).append(_event(attempted, now))
    return events


def _event(attempted: Attempted, now: datetime) -> dict[str, Any]:
    callback, answer = attempted.callback, attempted.answer
    event = {
        "event": "callback",
        "at": rfc3339(answer.at),
        "type": callback.type,
        "attempt": callback.tries + 1,
        "outcome": {State.DELIVERED: "sent", State.PENDING: "retry"}.get(attempted.state, "permanent"),
        "status_code": answer.status_code,
        "duration_ms": answer.duration_ms,
    }
    if answer.error is not None:
        event["answer"] = answer.error
    if attempted.wait is not None:
        event["next_at"] = rfc3339(later(now, attempted.wait))
    return event


def _recorded(row: RowMapping, number: int, attempt: Mapping[str, Any]) -> Recorded:
    return Recorded(
        id=UUID(attempt["id"]),
        callback_id=row["id"],
        status=Status(row["status"]),
        attempt=number,
        at=datetime.fromisoformat(attempt["at"]),
        status_code=attempt["status_code"],
        error=attempt["error"],
        duration_ms=attempt["duration_ms"],
        next_at=None if attempt["next_at"] is None else datetime.fromisoformat(attempt["next_at"]),
    )
