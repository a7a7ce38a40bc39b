"""Erasures as resumable passes: a pass stores its position in the database, so any gateway can continue it.

A user may have any number of notifications, but a call may take only two seconds. So a call runs the pass for a moment,
and a loop in each gateway continues where it stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.notifications.store.erasure import BEGINNING, Erasure, Place, Stage
from angarium.notifications.store.schema import erasures
from angarium.platform.clock import Clock
from angarium.platform.database.engine import reading, writing
from angarium.platform.loop import Loop

BUDGET = 0.5
"""Seconds for which a call runs a pass itself; the current batch is completed."""
LEASE = timedelta(seconds=30)
"""Lease of a gateway on a pass, renewed with each batch; after it another gateway continues."""
FORGOTTEN = timedelta(days=1)
"""Time after which a finished pass whose end was not requested is deleted."""


@dataclass(frozen=True, slots=True)
class Pass:
    """The progress of a pass.

    `under_way`: sends and callbacks that were in progress; `age`: seconds since its start.
    """

    done: bool
    under_way: int
    age: float


class Erasing(Loop):
    """Runs the passes of all users being erased.

    Any number of instances may run; each pass is leased to one of them.
    """

    name = "erasures"
    pause = 2.0

    def __init__(self, engine: AsyncEngine, erasure: Erasure, clock: Clock) -> None:
        super().__init__()
        self._engine = engine
        self._erasure = erasure
        self._clock = clock

    async def ask(self, tenant: str, user_id: UUID) -> Pass:
        """Start a pass or continue the existing one for a moment. The end of a pass is reported once.

        Raises DatabaseUnavailable, after which the call can be repeated.
        """
        await self._begin(tenant, user_id)
        ends = self._clock.monotonic() + BUDGET
        row = await self._take(tenant, user_id)
        while row is not None and self._clock.monotonic() < ends:
            row = await self._advance(row)
        if row is not None:
            await self._change(row, leased_until=None)
        return await self._tell(tenant, user_id)

    async def once(self) -> bool:
        """Continue the oldest pass to its end; False if there was none. Raises DatabaseUnavailable."""
        now = self._clock.now()
        query = select(erasures.c.tenant, erasures.c.user_id).where(self._free()).order_by(erasures.c.begun_at).limit(1)
        async with reading(self._engine) as connection:
            found = (await connection.execute(query)).first()
            old = await connection.scalar(select(erasures.c.user_id).where(_forgotten(now)).limit(1))
        if old is not None:
            async with writing(self._engine) as connection:
                await connection.execute(delete(erasures).where(_forgotten(now)))
        row = None if found is None else await self._take(found.tenant, found.user_id)
        taken = row is not None
        while row is not None:
            row = await self._advance(row)
        return taken

    async def _begin(self, tenant: str, user_id: UUID) -> None:
        new = {
            "tenant": tenant,
            "user_id": user_id,
            "begun_at": self._clock.now(),
            "under_way": 0,
            **_columns(BEGINNING),
        }
        async with reading(self._engine) as connection:
            if (await connection.execute(select(erasures.c.stage).where(_of(tenant, user_id)))).first() is not None:
                return
        try:
            async with writing(self._engine) as connection:
                await connection.execute(insert(erasures).values(new))
        except IntegrityError:
            return  # another call started it

    async def _take(self, tenant: str, user_id: UUID) -> RowMapping | None:
        """Lease the pass to this process; None if it is finished or leased to another."""
        mine = _of(tenant, user_id)
        lease = update(erasures).where(mine, self._free()).values(leased_until=self._clock.now() + LEASE)
        async with writing(self._engine) as connection:
            if (await connection.execute(lease)).rowcount == 0:
                return None
            return (await connection.execute(select(erasures).where(mine))).mappings().one()

    async def _advance(self, row: RowMapping) -> RowMapping | None:
        """Run one batch of a leased pass; None if it is finished."""
        place = Place(Stage(row["stage"]), row["reached"], row["reached_at"])
        following, left = await self._erasure.piece(row["tenant"], row["user_id"], place)
        under_way = row["under_way"] + left
        now = self._clock.now()
        if following is None:
            await self._change(row, under_way=under_way, leased_until=None, finished_at=now)
            return None
        return await self._change(row, under_way=under_way, leased_until=now + LEASE, **_columns(following))

    async def _change(self, row: RowMapping, **values: Any) -> RowMapping | None:
        """Update the pass; None if it no longer exists."""
        mine = _of(row["tenant"], row["user_id"]) & (erasures.c.begun_at == row["begun_at"])
        async with writing(self._engine) as connection:
            await connection.execute(update(erasures).where(mine).values(values))
            return (await connection.execute(select(erasures).where(mine))).mappings().first()

    async def _tell(self, tenant: str, user_id: UUID) -> Pass:
        mine = _of(tenant, user_id)
        async with writing(self._engine) as connection:
            row = (await connection.execute(select(erasures).where(mine))).mappings().first()
            if row is None:  # just reported to another call
                return Pass(done=False, under_way=0, age=0.0)
            done = row["finished_at"] is not None
            if done:
                await connection.execute(delete(erasures).where(mine))
        age = (self._clock.now() - row["begun_at"]).total_seconds()
        return Pass(done, row["under_way"], max(0.0, age))

    def _free(self) -> ColumnElement[bool]:
        leased_until = erasures.c.leased_until
        return and_(erasures.c.finished_at.is_(None), or_(leased_until.is_(None), leased_until <= self._clock.now()))


def _of(tenant: str, user_id: UUID) -> ColumnElement[bool]:
    return (erasures.c.tenant == tenant) & (erasures.c.user_id == user_id)


def _forgotten(now: datetime) -> ColumnElement[bool]:
    return erasures.c.finished_at < now - FORGOTTEN


def _columns(place: Place) -> Mapping[str, Any]:
    return {"stage": int(place.stage), "reached": place.id, "reached_at": place.at}
