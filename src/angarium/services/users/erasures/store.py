"""Queries of pending erasures.

Every method raises DatabaseUnavailable when the database cannot serve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.platform.database.engine import empty_log, querying, writing
from angarium.services.users.erasures.schema import pending_erasures


@dataclass(frozen=True, slots=True)
class Pending:
    """A user who was deleted here."""

    user_id: UUID
    tenant: str
    created_at: datetime


class PendingErasures:
    """Pending erasures in `users_db`, by due time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def due(self, now: datetime, *, limit: int) -> Sequence[Pending]:
        """Up to `limit` due erasures, the longest overdue first."""
        table = pending_erasures.c
        query = (
            select(table.user_id, table.tenant, table.created_at)
            .where(table.due_at <= now)
            .order_by(table.due_at)
            .limit(limit)
        )
        async with querying(self._engine) as connection:
            return [Pending(*row) for row in await connection.execute(query)]

    async def postpone(self, pending: Pending, until: datetime) -> None:
        """Set the due time to `until`."""
        async with writing(self._engine) as connection:
            await connection.execute(
                update(pending_erasures).where(pending_erasures.c.user_id == pending.user_id).values(due_at=until)
            )

    async def remove(self, pending: Pending) -> None:
        """Delete a completed erasure. Idempotent."""
        async with writing(self._engine) as connection:
            await connection.execute(delete(pending_erasures).where(pending_erasures.c.user_id == pending.user_id))

    async def empty_log(self) -> None:
        """Remove deleted rows from the database's log, if it has one."""
        await empty_log(self._engine)


async def add_pending(connection: AsyncConnection, tenant: str, user_id: UUID, now: datetime) -> None:
    """Add an erasure that is due immediately, in the transaction of `connection`."""
    pending = {"user_id": user_id, "tenant": tenant, "created_at": now, "due_at": now}
    await connection.execute(insert(pending_erasures).values(pending))
