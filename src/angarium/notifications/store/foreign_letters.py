"""Limits the dead letters of foreign messages, since a client with publish rights can create any number."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.notifications.store.personal import drop_letters
from angarium.notifications.store.schema import dead_letters
from angarium.platform.database.engine import reading, writing

MOST = 10_000
"""Number of dead letters kept. Each has at most 16 KB of its message."""
BATCH = 500


class ForeignLetters:
    """Any number may run at once. Raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine, *, most: int = MOST) -> None:
        self._engine = engine
        self._most = most

    async def trim(self) -> int:
        """Delete one batch of the oldest beyond `most`; return how many. Ordered by ids, which begin with the time."""
        foreign = select(dead_letters.c.id).where(dead_letters.c.notification_id.is_(None))
        newest_first = foreign.order_by(dead_letters.c.id.desc())
        async with reading(self._engine) as connection:
            last: UUID | None = await connection.scalar(newest_first.offset(self._most).limit(1))
        if last is None:
            return 0
        oldest = foreign.where(dead_letters.c.id <= last).order_by(dead_letters.c.id).limit(BATCH)
        async with writing(self._engine) as connection:
            found = list(await connection.scalars(oldest))
            await drop_letters(connection, found)
        return len(found)
