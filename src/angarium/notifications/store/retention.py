"""Deletes or redacts finished notifications by age, in small batches.

A notification is finished in every status except `scheduled`, `pending`, `sending`, `retrying`, and `unknown`, which
waits for an operator. Its age counts from its last change of status, so it is kept for at least the period after its
end. One with a pending callback is kept until that is delivered.

Each step reads at most SCAN rows in the order of an index and changes at most BATCH rows in one short transaction.
Locked rows are skipped. Not a hot path: SQLAlchemy Core, the same for every database.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Row,
    Table,
    and_,
    delete,
    exists,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.statuses import UNFINISHED, Status
from angarium.notifications.store.personal import BLANK, LATER, blank_row, drop_letters, drop_traces
from angarium.notifications.store.schema import callbacks, dead_letters, notifications
from angarium.platform.clock import Clock
from angarium.platform.database.engine import empty_log, reading, writing
from angarium.platform.database.moments import database_moment
from angarium.platform.database.types import UtcDateTime

BATCH = 500
SCAN = 2000
FINISHED = frozenset(Status) - UNFINISHED - {Status.UNKNOWN}

Elsewhere = Callable[[Sequence[UUID]], Awaitable[None]]


class Task(StrEnum):
    """The action on old notifications."""

    PRUNE = "prune"  # the rows are deleted
    REDACT = "redact"  # the rows stay, without personal data


@dataclass(frozen=True, slots=True)
class Step:
    """One step of work. `tenant` and `at`: its position."""

    tenant: str
    at: datetime
    notifications: int = 0
    dead_letters: int = 0


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rows that a task would change: notifications by status and day of creation, and unmatched dead letters."""

    notifications: Mapping[tuple[Status, datetime], int] = field(default_factory=dict)
    dead_letters: int = 0


class Retention:
    """Any number may run at once; each row is changed by only one of them.

    `elsewhere` deletes notifications outside of `notification_db`, such as those in the mailbox.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, *, elsewhere: Sequence[Elsewhere] = ()) -> None:
        self._engine = engine
        self._clock = clock
        self._elsewhere = elsewhere

    async def run(self, task: Task, before: datetime, *, since: datetime | None = None) -> AsyncIterator[Step]:
        """Apply `task` to everything that finished before `before`, oldest first; yields after each step.

        With `since` only rows created then or later are examined. It can be stopped after any step and repeated. Raises
        DatabaseUnavailable.
        """
        changed = 0
        condition = _eligible(task, before)
        async for window in self._windows(notifications, notifications.c.created_at, before, since, condition):
            for ids in _pieces(window.chosen):
                step = await self._change(task, before, ids, window)
                changed += step.notifications
                yield step
        async for window in self._windows(dead_letters, dead_letters.c.failed_at, before, since, _UNMATCHED):
            for ids in _pieces(window.chosen):
                async with writing(self._engine) as connection:
                    await drop_letters(connection, ids)
                changed += len(ids)
                yield Step(window.tenant, window.at, dead_letters=len(ids))
        if changed:
            await empty_log(self._engine)

    async def candidates(self, task: Task, before: datetime) -> AsyncIterator[Candidates]:
        """The rows that `run` would change, step by step, without changing them. Raises DatabaseUnavailable."""
        mine = notifications.c
        condition = _eligible(task, before)
        async for window in self._windows(notifications, mine.created_at, before, None, condition, mine.status):
            days = (
                (Status(row.status), row.at.replace(hour=0, minute=0, second=0, microsecond=0)) for row in window.chosen
            )
            yield Candidates(Counter(days))
        async for window in self._windows(dead_letters, dead_letters.c.failed_at, before, None, _UNMATCHED):
            yield Candidates(dead_letters=len(window.chosen))

    async def _change(self, task: Task, before: datetime, ids: Sequence[UUID], window: "_Window") -> Step:
        mine = notifications.c
        query = (
            select(mine.id, mine.events, mine.reason_code)
            .where(mine.id.in_(ids), _eligible(task, before))
            .order_by(mine.id)
            .with_for_update(skip_locked=True)
        )
        async with writing(self._engine) as connection:
            found = (await connection.execute(query)).all()
            if not found:
                return Step(window.tenant, window.at)
            chosen = [row.id for row in found]
            letters = await drop_traces(connection, chosen)
            await connection.execute(delete(callbacks).where(callbacks.c.notification_id.in_(chosen)))
            if task is Task.PRUNE:
                await connection.execute(delete(notifications).where(mine.id.in_(chosen)))
            else:
                await self._redact(connection, found)
        for forget in self._elsewhere:
            await forget(chosen)
        return Step(window.tenant, window.at, len(chosen), letters)

    async def _redact(self, connection: AsyncConnection, found: Sequence[Any]) -> None:
        # By the same clock as `updated_at`.
        dialect = self._engine.dialect.name
        moment = literal(self._clock.now(), UtcDateTime()) if dialect == "sqlite" else database_moment(dialect)
        ids = [row.id for row in found]
        redacted = update(notifications).where(notifications.c.id.in_(ids))
        await connection.execute(BLANK, [blank_row(row.id, row.events, row.reason_code) for row in found])
        await connection.execute(redacted.values(redacted_at=moment, **LATER))

    async def _windows(
        self,
        table: Table,
        time: Column[datetime],
        before: datetime,
        since: datetime | None,
        condition: ColumnElement[bool],
        *more: ColumnElement[Any],
    ) -> AsyncIterator["_Window"]:
        """Windows of up to SCAN rows, by tenant and oldest first, with the rows that match `condition`."""
        tenant = await self._next_tenant(table, "")
        while tenant is not None:
            after: tuple[datetime, UUID] | None = None
            while True:
                bounds = [table.c.tenant == tenant, time < before]
                bounds += [] if since is None else [time >= since]
                # The first of the two is for MariaDB, which seeks by a column, not by a pair.
                bounds += [] if after is None else [time >= after[0], tuple_(time, table.c.id) > after]
                query = (
                    select(table.c.id, time.label("at"), condition.label("chosen"), *more)
                    .where(*bounds)
                    .order_by(time, table.c.id)
                    .limit(SCAN)
                )
                async with reading(self._engine) as connection:
                    rows = (await connection.execute(query)).all()
                if rows:
                    after = (rows[-1].at, rows[-1].id)
                    yield _Window(tenant, rows[-1].at, [row for row in rows if row.chosen])
                if len(rows) < SCAN:
                    break
            tenant = await self._next_tenant(table, tenant)

    async def _next_tenant(self, table: Table, after: str) -> str | None:
        """One index look-up per tenant; a DISTINCT would read all rows."""
        query = select(table.c.tenant).where(table.c.tenant > after).order_by(table.c.tenant).limit(1)
        async with reading(self._engine) as connection:
            found: str | None = await connection.scalar(query)
        return found


@dataclass(frozen=True, slots=True)
class _Window:
    tenant: str
    at: datetime
    chosen: Sequence[Row[Any]]


def _pieces(rows: Sequence[Row[Any]]) -> Sequence[Sequence[UUID]]:
    """Split ids into batches. Without ids there is one empty batch, so that every window yields a step."""
    ids = [row.id for row in rows]
    return [ids[start : start + BATCH] for start in range(0, max(len(ids), 1), BATCH)]


_UNMATCHED = dead_letters.c.notification_id.is_(None)
"""Dead letters of foreign messages; others are deleted with their notification."""


def _eligible(task: Task, before: datetime) -> ColumnElement[bool]:
    mine = notifications.c
    untold = exists().where(callbacks.c.notification_id == mine.id, callbacks.c.next_at.is_not(None))
    finished = and_(
        mine.status.in_(sorted(FINISHED)), mine.updated_at < before, or_(mine.callback_url.is_(None), ~untold)
    )
    if task is Task.PRUNE:
        return finished
    # A late receipt may have written an answer again.
    return and_(finished, or_(mine.redacted_at.is_(None), mine.redacted_at < mine.updated_at))
