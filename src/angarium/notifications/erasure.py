"""Takes what is personal out of a user's notifications; the records stay, with the bare user id.

Not a hot path: SQLAlchemy Core, one form for every database, in pieces of 500 rows.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Row,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.fields import rfc3339
from angarium.contracts.statuses import Status, sources_of
from angarium.notifications.model import OutboxKind
from angarium.notifications.personal import BLANK, blank_row, drop_letters, drop_traces
from angarium.notifications.store.schema import callbacks, dead_letters, notifications, outbox
from angarium.platform.clock import Clock
from angarium.platform.database.engine import empty_log, writing

BATCH = 500
CODE = "user_erased"
MESSAGE = "The user was erased"
TOLD_WITHIN = timedelta(seconds=60)
"""How long a callback of an erased user is still tried; its URL is the caller's, who may have put anything into it."""
_CANCEL = (
    update(notifications)
    .where(notifications.c.id == bindparam("b_id"))
    .values(
        status=str(Status.CANCELLED),
        reason_code=CODE,
        reason_message=MESSAGE,
        due_at=None,
        sweep_at=None,
        updated_at=bindparam("b_now"),
    )
)

_FORGET_URL = update(notifications).where(notifications.c.id == bindparam("b_id")).values(callback_url=None)

_Found = Row[UUID, str, list[Mapping[str, Any]], str | None]


Elsewhere = Callable[[Sequence[UUID]], Awaitable[None]]


class Erasure:
    """Erases users from `notification_db`, and has `elsewhere` forget their notifications: what was caught of them."""

    def __init__(self, engine: AsyncEngine, clock: Clock, *, elsewhere: Sequence[Elsewhere] = ()) -> None:
        self._engine = engine
        self._clock = clock
        self._elsewhere = elsewhere

    async def erase(self, tenant: str, user_id: UUID) -> int:
        """Blank variables, metadata, addresses and answers, end what is unfinished, drop the dead letters.

        Returns how many sends and callbacks are under way at this moment: a worker may still write an answer, so erase
        again after that. Idempotent. What identifies a record stays, as callers chose it: ids, `request_id`,
        correlation, template. Status events that were not published yet are dropped. Messages of what was cancelled
        wait in their queues with the user's id, until a worker takes them.
        Raises DatabaseUnavailable; then repeat it.
        """
        await self._drop_what_quotes(str(user_id))
        after, under_way = UUID(int=0), 0
        while True:
            found, left = await self._erase_some(tenant, str(user_id), after)
            under_way += left
            if len(found) < BATCH:
                await empty_log(self._engine)
                return under_way
            after = found[-1].id

    async def _drop_what_quotes(self, user_id: str) -> None:
        """Foreign messages that were not taken, and status events: they name the user in their text alone."""
        quoted = _contains_bytes(self._engine.dialect.name, user_id.encode())
        async with writing(self._engine) as connection:
            await connection.execute(delete(outbox).where(outbox.c.kind == str(OutboxKind.STATUS_EVENT), quoted))
            letters = select(dead_letters.c.id).where(dead_letters.c.payload.contains(user_id))
            await drop_letters(connection, list(await connection.scalars(letters)))

    async def _erase_some(self, tenant: str, user_id: str, after: UUID) -> tuple[Sequence[_Found], int]:
        mine = notifications.c
        query = (
            select(mine.id, mine.status, mine.events, mine.reason_code)
            .where(mine.tenant == tenant, mine.user_id == user_id, mine.id > after)
            .order_by(mine.id)
            .limit(BATCH)
            .with_for_update()
        )
        async with writing(self._engine) as connection:
            found: Sequence[_Found] = (await connection.execute(query)).all()
            if not found:
                return found, 0
            await self._blank(connection, found)
            ids = [row.id for row in found]
            await drop_traces(connection, ids)
            untold = await self._end_callbacks(connection, ids)
        for forget in self._elsewhere:
            await forget(ids)
        return found, untold + [row.status for row in found].count(Status.SENDING)

    async def _blank(self, connection: AsyncConnection, found: Sequence[_Found]) -> None:
        now = self._clock.now()
        event = {"event": "cancelled", "at": rfc3339(now), "status": str(Status.CANCELLED)}
        ended = {row.id for row in found if row.status in sources_of(Status.CANCELLED)}
        rows = [blank_row(row.id, row.events, row.reason_code, *([event] if row.id in ended else ())) for row in found]
        await connection.execute(BLANK, rows)
        if ended:
            await connection.execute(_CANCEL, [{"b_id": id_, "b_now": now} for id_ in ended])
        still = [{"b_id": row.id} for row in found if row.status != Status.SENDING]
        if still:
            await connection.execute(_FORGET_URL, still)

    async def _end_callbacks(self, connection: AsyncConnection, ids: Sequence[UUID]) -> int:
        """Drop those that are told, or have been tried for long enough; how many are left."""
        mine = callbacks.c.notification_id.in_(ids)
        over = or_(callbacks.c.next_at.is_(None), callbacks.c.occurred_at <= self._clock.now() - TOLD_WITHIN)
        await connection.execute(delete(callbacks).where(mine, over))
        await connection.execute(update(callbacks).where(mine).values(reason_message=None))
        return await connection.scalar(select(func.count()).select_from(callbacks).where(mine)) or 0


def _contains_bytes(dialect: str, text: bytes) -> ColumnElement[bool]:
    """Whether a message contains `text`."""
    if dialect == "postgresql":
        return func.strpos(func.convert_from(outbox.c.body, "UTF8"), text.decode()) > 0
    return func.instr(outbox.c.body, literal(text, LargeBinary())) > 0
