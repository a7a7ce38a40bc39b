"""Keeps the shared cache's copies of contacts as the database is."""

import asyncio
from collections.abc import Collection, Mapping
from uuid import UUID

from angarium.contracts.errors import Transient
from angarium.contracts.users import Contact
from angarium.directory import contact_cache
from angarium.platform.cache.port import Cache
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger
from angarium.services.users.model import Person
from angarium.services.users.store import UserStore
from angarium.services.users.views import contact

ROUNDS = 5
MEND_BATCH = 500
MEND_SECONDS = 1.0


class ContactCopies:
    """Writes copies to the cache so that none older than the last committed change stays there.

    Several processes write the same keys. So each looks at the database again after it wrote, and writes anew what
    was changed meanwhile: whoever writes last has seen the last commit. What the cache did not take is
    remembered and written by `run` as soon as the cache takes it.
    """

    def __init__(self, store: UserStore, cache: Cache, clock: Clock, logger: Logger) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self._logger = logger
        self._owed: set[UUID] = set()
        self._wanted = asyncio.Event()

    @property
    def owed(self) -> Collection[UUID]:
        """Whose change the cache has not taken yet."""
        return frozenset(self._owed)

    async def changed(self, tenant: str, user_id: UUID, person: Person | None) -> None:
        """After the commit: replace the copy (None: the user is gone), then ring. Never raises."""
        await self._settle({user_id}, {user_id: person} if person is not None else {})
        await self._cache.announce(contact_cache.TOPIC, contact_cache.announcement(tenant, user_id))

    async def fill(self, people: Mapping[UUID, Person]) -> None:
        """Keep copies of people that were just read, where there is none or another."""
        fresh = {contact_cache.key(person.user_id): _copy(person) for person in people.values()}
        kept = await self._cache.get_many(list(fresh))
        missing = {
            user_id: person
            for (user_id, person), new, old in zip(people.items(), fresh.values(), kept, strict=True)
            if new != old
        }
        entries = {contact_cache.key(user_id): fresh[contact_cache.key(user_id)] for user_id in missing}
        if missing and await self._cache.set_many(entries, contact_cache.LIFE):
            await self._recheck(missing)

    async def run(self) -> None:
        """Write what the cache owes, until cancelled."""
        while True:
            await self._wanted.wait()
            await self.mend()
            if self._owed:
                await self._clock.sleep(MEND_SECONDS)
            else:
                self._wanted.clear()

    async def mend(self) -> None:
        """Try once to write what the cache did not take."""
        owed = set(list(self._owed)[:MEND_BATCH])
        self._owed -= owed
        await self._settle(owed, None)

    async def _recheck(self, written: Mapping[UUID, Person]) -> None:
        try:
            outdated = await self._outdated(written.keys(), written)
        except Transient:
            self._owe(written.keys())
        else:
            await self._settle(outdated, None)

    async def _settle(self, user_ids: set[UUID], people: Mapping[UUID, Person] | None) -> None:
        """Write the copies of `user_ids` until the database agrees; `people`: who they are, where that is known."""
        try:
            for _ in range(ROUNDS):
                if not user_ids:
                    return
                people = people if people is not None else await self._store.get_many(user_ids)
                if not await self._write(user_ids, people):
                    break
                user_ids, people = await self._outdated(user_ids, people), None
        except Transient as error:
            self._logger.warning("contact_copies.unchecked", error=str(error))
        self._owe(user_ids)

    async def _write(self, user_ids: Collection[UUID], people: Mapping[UUID, Person]) -> bool:
        gone = [contact_cache.key(user_id) for user_id in user_ids if user_id not in people]
        entries = {contact_cache.key(user_id): _copy(person) for user_id, person in people.items()}
        return await self._cache.delete(gone) and await self._cache.set_many(entries, contact_cache.LIFE)

    async def _outdated(self, user_ids: Collection[UUID], people: Mapping[UUID, Person]) -> set[UUID]:
        now = await self._store.versions(user_ids)
        written = {user_id: person.version for user_id, person in people.items()}
        return {user_id for user_id in user_ids if now.get(user_id) != written.get(user_id)}

    def _owe(self, user_ids: Collection[UUID]) -> None:
        if user_ids:
            self._owed.update(user_ids)
            self._wanted.set()


def _copy(person: Person) -> bytes:
    copy: Contact = contact(person)
    return contact_cache.encode(person.tenant, copy)
