"""Takes what is personal out of a user's notifications; the records stay, with the bare user id.

Not a hot path: SQLAlchemy Core, one form for every database, in pieces of 500 rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.fields import rfc3339
from angarium.contracts.statuses import Status, sources_of
from angarium.notifications.store.schema import callbacks, dead_letters, notifications, outbox
from angarium.platform.clock import Clock
from angarium.platform.database.engine import writing

BATCH = 500
CODE = "user_erased"
MESSAGE = "The user was erased"
_KEPT = frozenset({"event", "at", "status", "attempt", "provider", "outcome", "duration_ms", "next_at"})
"""Of an event; a provider's answer may repeat the address."""

_BLANK = (
    update(notifications)
    .where(notifications.c.id == bindparam("b_id"))
    .values(
        variables={}, metadata={}, recipient=None, events=bindparam("b_events"), reason_message=bindparam("b_message")
    )
)
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

_Found = Row[UUID, str, list[Mapping[str, Any]], str | None]


class Erasure:
    """Erases users from `notification_db`."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def erase(self, tenant: str, user_id: UUID) -> int:
        """Blank variables, metadata, addresses and answers, end what is unfinished, drop the dead letters.

        Returns how many are being sent at this moment: their workers may still write an answer, so erase again
        after that. Idempotent. The messages of what was cancelled hold variables until a worker takes them from their
        queue, those of dead letters until the janitor does. Raises DatabaseUnavailable; then repeat it.
        """
        after, sending = UUID(int=0), 0
        while True:
            found = await self._erase_some(tenant, str(user_id), after)
            sending += [row.status for row in found].count(Status.SENDING)
            if len(found) < BATCH:
                return sending
            after = found[-1].id

    async def _erase_some(self, tenant: str, user_id: str, after: UUID) -> Sequence[_Found]:
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
            if found:
                await self._blank(connection, found)
                await _drop(connection, found)
            return found

    async def _blank(self, connection: AsyncConnection, found: Sequence[_Found]) -> None:
        now = self._clock.now()
        event = {"event": "cancelled", "at": rfc3339(now), "status": str(Status.CANCELLED)}
        ended = {row.id for row in found if row.status in sources_of(Status.CANCELLED)}
        rows = [
            {
                "b_id": row.id,
                "b_events": [*map(_impersonal, row.events), *([event] if row.id in ended else [])],
                "b_message": None if row.reason_code is None else "",
            }
            for row in found
        ]
        await connection.execute(_BLANK, rows)
        if ended:
            await connection.execute(_CANCEL, [{"b_id": id_, "b_now": now} for id_ in ended])


def _impersonal(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name in _KEPT}


async def _drop(connection: AsyncConnection, found: Sequence[_Found]) -> None:
    """What speaks of them elsewhere: dead letters, messages that wait to be published, reasons told to callbacks."""
    ids = [row.id for row in found]
    await connection.execute(delete(dead_letters).where(dead_letters.c.notification_id.in_(ids)))
    await connection.execute(delete(outbox).where(outbox.c.subject.in_(ids)))
    await connection.execute(update(callbacks).where(callbacks.c.notification_id.in_(ids)).values(reason_message=None))
