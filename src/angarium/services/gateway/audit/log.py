"""Who changed what: the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.errors import Transient
from angarium.notifications.store.schema import audit_log
from angarium.platform.auth.caller import Caller
from angarium.platform.backlog import Backlog
from angarium.platform.clock import Clock
from angarium.platform.database.engine import writing
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import Logger

RETRY_SECONDS = 1.0


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

    def __init__(self, engine: AsyncEngine, clock: Clock, identifiers: Identifiers, logger: Logger) -> None:
        self._engine = engine
        self._clock = clock
        self._identifiers = identifiers
        self._logger = logger
        self._backlog = Backlog(self._write_held, lost=self._lost, clock=clock, pause=RETRY_SECONDS)

    def entry(self, actor: Actor, action: str, subject: object) -> Entry:
        """An entry as of now."""
        return Entry(self._identifiers.new(), self._clock.now(), actor, action, str(subject))

    async def write(self, entry: Entry) -> None:
        """Keep one entry. Raises DatabaseUnavailable."""
        await self.write_many([entry])

    async def write_many(self, entries: Sequence[Entry]) -> None:
        """Keep entries; one that is kept already, by its id, is left as it is. Raises DatabaseUnavailable."""
        async with writing(self._engine) as connection:
            known = await _known(connection, entries)
            for entry in entries:
                if entry.id not in known:
                    await write_entry(connection, entry)

    async def record(self, actor: Actor, action: str, subject: object) -> None:
        """Store an entry of a change that happened elsewhere: now, or as soon as the database answers again."""
        entry = self.entry(actor, action, subject)
        try:
            await self.write(entry)
        except Transient:
            self._backlog.add(entry)

    async def run(self) -> None:
        """Write what could not be written at once, until cancelled."""
        await self._backlog.run()

    async def flush(self) -> bool:
        """Try once to write what is held; whether all of it was written."""
        return await self._backlog.flush()

    async def _write_held(self, entries: Sequence[Entry]) -> None:
        try:
            await self.write_many(entries)
        except Transient as error:
            self._logger.warning("audit.waits", error=type(error).__name__, entries=len(entries))
            raise

    def _lost(self, entry: Entry) -> None:
        self._logger.error("audit.lost", actor=entry.actor.caller.identity, action=entry.action, object=entry.subject)


async def _known(connection: AsyncConnection, entries: Sequence[Entry]) -> frozenset[UUID]:
    query = select(audit_log.c.id).where(audit_log.c.id.in_([entry.id for entry in entries]))
    return frozenset((await connection.scalars(query)).all())


async def write_entry(connection: AsyncConnection, entry: Entry) -> None:
    """Keep an entry within the transaction of `connection`."""
    await connection.execute(
        insert(audit_log).values(
            id=entry.id,
            tenant=entry.actor.caller.tenant,
            at=entry.at,
            actor=entry.actor.caller.identity,
            action=entry.action,
            object=entry.subject,
            address=entry.actor.address,
            correlation_id=entry.actor.correlation_id,
        )
    )
