"""Who changed what: the audit log."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.notifications.store.schema import audit_log
from angarium.platform.auth.caller import Caller
from angarium.platform.clock import Clock
from angarium.platform.database.engine import writing
from angarium.platform.identifiers import Identifiers


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, from which address, in which correlation."""

    caller: Caller
    address: str | None
    correlation_id: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: `action` is a verb (`key.created`), `subject` names what it was done to."""

    id: UUID
    at: datetime
    actor: Actor
    action: str
    subject: str


class AuditLog:
    """Writes entries, alone or in the transaction of the change they tell of."""

    def __init__(self, engine: AsyncEngine, clock: Clock, identifiers: Identifiers) -> None:
        self._engine = engine
        self._clock = clock
        self._identifiers = identifiers

    def entry(self, actor: Actor, action: str, subject: object) -> Entry:
        """An entry as of now."""
        return Entry(self._identifiers.new(), self._clock.now(), actor, action, str(subject))

    async def write(self, entry: Entry) -> None:
        """Keep one entry. Raises DatabaseUnavailable."""
        async with writing(self._engine) as connection:
            await write_entry(connection, entry)


async def write_entry(connection: AsyncConnection, entry: Entry) -> None:
    """Keep an entry within the transaction of `connection`."""
    await connection.execute(
        insert(audit_log).values(
            id=entry.id,
            tenant=entry.actor.caller.tenant,
            at=entry.at,
            actor=entry.actor.caller.name,
            action=entry.action,
            object=entry.subject,
            address=entry.actor.address,
            correlation_id=entry.actor.correlation_id,
        )
    )
