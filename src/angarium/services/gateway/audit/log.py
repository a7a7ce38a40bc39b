"""The audit log: who changed what."""

from collections.abc import Sequence

from angarium.contracts.errors import Transient
from angarium.platform.backlog import Backlog
from angarium.platform.runtime import Runtime
from angarium.services.gateway.audit.store import Actor, AuditStore, Entry

LONGEST_BACK_OFF_SECONDS = 1.0


class AuditLog:
    """Writes entries, separately or in the transaction of the change.

    `backlog` is a loop that holds entries while the database is unavailable.
    """

    def __init__(self, store: AuditStore, runtime: Runtime) -> None:
        self._store = store
        self._clock = runtime.clock
        self._identifiers = runtime.identifiers
        self._logger = runtime.logger
        self.backlog = Backlog("audit", self._write_held, lost=self._lost, longest_back_off=LONGEST_BACK_OFF_SECONDS)

    def entry(self, actor: Actor, action: str, subject: object) -> Entry:
        """Create an entry with the current time."""
        return Entry(self._identifiers.new(), self._clock.now(), actor, action, str(subject))

    async def write(self, entry: Entry) -> None:
        """Store one entry. Raises DatabaseUnavailable."""
        await self.write_many([entry])

    async def write_many(self, entries: Sequence[Entry]) -> None:
        """Store entries; those with an existing id do not change. Raises DatabaseUnavailable."""
        await self._store.add(entries)

    async def record(self, actor: Actor, action: str, subject: object) -> None:
        """Store an entry of a change made elsewhere, now or as soon as the database is available again."""
        entry = self.entry(actor, action, subject)
        try:
            await self.write(entry)
        except Transient:
            self.backlog.add(entry)

    async def _write_held(self, entries: Sequence[Entry]) -> None:
        await self.write_many(entries)

    def _lost(self, entry: Entry) -> None:
        self._logger.error("audit.lost", actor=entry.actor.caller.identity, action=entry.action, object=entry.subject)
