"""Who changed what: the audit log."""

from collections.abc import Sequence

from angarium.contracts.errors import Transient
from angarium.platform.backlog import Backlog
from angarium.platform.clock import Clock
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import Logger
from angarium.services.gateway.audit.store import Actor, AuditStore, Entry

RETRY_SECONDS = 1.0


class AuditLog:
    """Writes entries, alone or in the transaction of the change they tell of."""

    def __init__(self, store: AuditStore, clock: Clock, identifiers: Identifiers, logger: Logger) -> None:
        self._store = store
        self._clock = clock
        self._identifiers = identifiers
        self._logger = logger
        self._backlog = Backlog(self._write_held, lost=self._lost, clock=clock, pause=RETRY_SECONDS)

    def entry(self, actor: Actor, action: str, subject: object) -> Entry:
        """An entry as of now."""
        return Entry(self._identifiers.new(), self._clock.now(), actor, action, str(subject))

    async def write(self, entry: Entry) -> None:
        """Store one entry. Raises DatabaseUnavailable."""
        await self.write_many([entry])

    async def write_many(self, entries: Sequence[Entry]) -> None:
        """Store entries; one that is stored already, by its id, is left as it is. Raises DatabaseUnavailable."""
        await self._store.add(entries)

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
