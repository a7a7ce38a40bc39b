"""Removes personal data from a user's notifications. The records stay, with only the user id.

Not a hot path: SQLAlchemy Core, the same for every database, in batches of 500 rows.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
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
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.fields import rfc3339
from angarium.contracts.statuses import Status, sources_of
from angarium.notifications.model import OutboxKind
from angarium.notifications.store.personal import BLANK, LATER, blank_row, drop_letters, drop_traces
from angarium.notifications.store.schema import callbacks, dead_letters, notifications, outbox
from angarium.platform.clock import Clock
from angarium.platform.database.engine import empty_log, writing

BATCH = 500
SCAN = 5000
"""Outbox rows examined in one transaction."""
CODE = "user_erased"
MESSAGE = "The user was erased"
TOLD_WITHIN = timedelta(seconds=60)
"""How long a callback of an erased user is still tried. Its URL may contain personal data."""
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

_FORGET_LATER = update(notifications).where(notifications.c.id == bindparam("b_id")).values(LATER)

_Found = Row[UUID, str, list[Mapping[str, Any]], str | None]


Elsewhere = Callable[[Sequence[UUID]], Awaitable[None]]
ForgetUser = Callable[[str, UUID], Awaitable[None]]
"""Removes further data that identifies a user (tenant and id). Idempotent."""


_FIRST = UUID(int=0)


class Stage(IntEnum):
    """The stages of a pass, in order; stored in the database."""

    EVENTS = 0
    LETTERS = 1
    NOTIFICATIONS = 2


@dataclass(frozen=True, slots=True)
class Place:
    """The position of a pass: the last examined row of its stage."""

    stage: Stage
    id: UUID = _FIRST
    at: datetime | None = None


BEGINNING = Place(Stage.EVENTS)


class Erasure:
    """Erases users from `notification_db`; `elsewhere` erases their notifications elsewhere, such as the mailbox."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        *,
        elsewhere: Sequence[Elsewhere] = (),
        forget_user: ForgetUser | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._elsewhere = elsewhere
        self._forget_user = forget_user

    async def erase(self, tenant: str, user_id: UUID) -> int:
        """Blank variables, metadata, addresses and answers, cancel unfinished notifications, delete dead letters.

        Returns the number of sends and callbacks in progress: a worker may still write an answer, so erase again after
        that. Idempotent. Identifiers of the record are kept, as they are chosen by callers: ids, `request_id`,
        correlation, template. Unpublished status events are deleted. Messages of cancelled notifications stay in their
        queues, with the user's id, until a worker takes them. Raises DatabaseUnavailable, after which the call can be
        repeated.
        """
        place: Place | None = BEGINNING
        under_way = 0
        while place is not None:
            place, left = await self.piece(tenant, user_id, place)
            under_way += left
        return under_way

    async def piece(self, tenant: str, user_id: UUID, place: Place) -> tuple[Place | None, int]:
        """Run one short transaction of `erase` from `place`; return the next place, and the number in progress.

        None: it was the last one. Idempotent. Raises DatabaseUnavailable.
        """
        if place == BEGINNING and self._forget_user is not None:
            await self._forget_user(tenant, user_id)
        match place.stage:
            case Stage.EVENTS:
                return await self._drop_events(str(user_id), place), 0
            case Stage.LETTERS:
                return await self._drop_foreign(str(user_id), place), 0
            case Stage.NOTIFICATIONS:
                return await self._erase_some(tenant, str(user_id), place)

    async def _drop_events(self, user_id: str, place: Place) -> Place:
        """Delete unpublished status events, which contain the user only in their text."""
        window = (
            select(outbox.c.subject, outbox.c.kind).where(outbox.c.subject > place.id).order_by(outbox.c.subject)
        ).limit(SCAN)
        async with writing(self._engine) as connection:
            rows = (await connection.execute(window)).all()
            subjects = [row.subject for row in rows if row.kind == OutboxKind.STATUS_EVENT]
            quoted = _contains_bytes(self._engine.dialect.name, user_id.encode())
            mine = (outbox.c.subject.in_(subjects), outbox.c.kind == str(OutboxKind.STATUS_EVENT), quoted)
            if subjects:
                await connection.execute(delete(outbox).where(*mine))
        return Place(Stage.EVENTS, rows[-1].subject) if len(rows) == SCAN else Place(Stage.LETTERS)

    async def _drop_foreign(self, user_id: str, place: Place) -> Place:
        """Delete dead letters of unmatched foreign messages that contain the user."""
        foreign = (
            select(dead_letters.c.id, dead_letters.c.payload.contains(user_id).label("quotes"))
            .where(dead_letters.c.notification_id.is_(None), dead_letters.c.id > place.id)
            .order_by(dead_letters.c.id)
            .limit(BATCH)
        )
        async with writing(self._engine) as connection:
            rows = (await connection.execute(foreign)).all()
            await drop_letters(connection, [row.id for row in rows if row.quotes])
        return Place(Stage.LETTERS, rows[-1].id) if len(rows) == BATCH else Place(Stage.NOTIFICATIONS)

    async def _erase_some(self, tenant: str, user_id: str, place: Place) -> tuple[Place | None, int]:
        mine = notifications.c
        after = []
        if place.at is not None:  # MariaDB seeks by a column, not by a pair
            after = [mine.created_at >= place.at, tuple_(mine.created_at, mine.id) > (place.at, place.id)]
        page = (  # in index order; a page in the order of ids would read all of the user's rows each time
            select(mine.id, mine.created_at)
            .where(mine.tenant == tenant, mine.user_id == user_id, *after)
            .order_by(mine.created_at, mine.id)
            .limit(BATCH)
        )
        async with writing(self._engine) as connection:
            rows = (await connection.execute(page)).all()
            ids = [row.id for row in rows]
            left = await self._erase_these(connection, ids) if ids else 0
        for forget in self._elsewhere if ids else ():
            await forget(ids)
        if len(rows) == BATCH:
            return Place(Stage.NOTIFICATIONS, rows[-1].id, rows[-1].created_at), left
        await empty_log(self._engine)
        return None, left

    async def _erase_these(self, connection: AsyncConnection, ids: Sequence[UUID]) -> int:
        """Erase these notifications; return how many of them and of their callbacks are in progress."""
        mine, told = notifications.c, callbacks.c
        # Callbacks first, as everywhere: transactions that lock in different orders can deadlock.
        of_these = select(told.id).where(told.notification_id.in_(ids))
        await connection.execute(of_these.order_by(told.id).with_for_update())
        query = select(mine.id, mine.status, mine.events, mine.reason_code).where(mine.id.in_(ids))
        found: Sequence[_Found] = (await connection.execute(query.order_by(mine.id).with_for_update())).all()
        await self._blank(connection, found)
        await drop_traces(connection, ids)
        untold = await self._end_callbacks(connection, ids)
        return untold + [row.status for row in found].count(Status.SENDING)

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
            await connection.execute(_FORGET_LATER, still)

    async def _end_callbacks(self, connection: AsyncConnection, ids: Sequence[UUID]) -> int:
        """Delete callbacks that were delivered or tried for long enough; return how many are left."""
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
