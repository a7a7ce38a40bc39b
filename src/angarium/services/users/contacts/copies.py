"""Keeps the shared cache's copies of contacts as the database is."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from uuid import UUID

from angarium.contracts.errors import Transient
from angarium.contracts.users import GONE
from angarium.directory import contact_cache
from angarium.directory.contact_cache import user_of, version_of
from angarium.platform.cache.port import Cache
from angarium.platform.caching import LocalCache
from angarium.platform.loop import Passes
from angarium.platform.runtime import Runtime
from angarium.services.users.contacts.versions import Reached, ReachedVersions
from angarium.services.users.people.changes import ChangeUnconfirmed
from angarium.services.users.people.contact import contact_document
from angarium.services.users.people.model import Person
from angarium.services.users.people.store import UserStore

ROUNDS = 5
MEND_BATCH = 500
FILL_BATCH = 200
FILL_WAITING = 10_000
"""Contacts that may wait for being copied; what is read beyond that is copied when it is read again."""
FILL_SECONDS = 1.0
"""How long reads are gathered before their copies are looked after, in one question to the cache."""
FILLED = timedelta(seconds=10)
"""How long a copy that was found in its place is taken to be there still."""
LONGEST_BACK_OFF_SECONDS = 1.0


class StillPending(Transient):
    """The cache or the gateway has not taken all changes yet"""


class ContactCopies:
    """Writes copies to the cache, and sees to it that no older copy counts once a change is answered.

    Several processes write the same keys. So each looks at the database again after it wrote, and writes anew what
    was changed meanwhile: the last to write has seen the last commit. What the cache did not take is
    remembered and written by the loop `repairs` as soon as the cache takes it; so is a ring that it did not take.
    Each process rings for everyone at its start.

    That keeps copies useful. It does not make them safe: the cache may refuse a write, lose it later or return to an
    older state, and this process may end before it can repair that. So `reached` tells the gateway the version of each
    changed user, and workers use no copy of an older one. Without `reached` there is no gateway to tell.
    """

    def __init__(
        self, store: UserStore, cache: Cache, runtime: Runtime, reached: ReachedVersions | None = None
    ) -> None:
        self._store = store
        self._reached = reached
        self._cache = cache
        self._clock = runtime.clock
        self._logger = runtime.logger
        self._owed: set[UUID] = set()
        self._unheard = True  # a process that ended between a commit and its ring has left that to the next one
        self._read: dict[bytes, None] = {}
        self._filled: LocalCache[bytes, bool] = LocalCache(runtime.clock, max_entries=FILL_WAITING, ttl=FILLED)
        self.repairs = Passes("contact copies", self._repair, pause=None, longest_back_off=LONGEST_BACK_OFF_SECONDS)
        self.fills = Passes("contact copies of what was read", self._fill_all, pause=None)
        self.repairs.wake()

    @property
    def owed(self) -> Collection[UUID]:
        """Whose change the cache has not taken yet."""
        return frozenset(self._owed)

    @property
    def unfilled(self) -> int:
        """How many documents were read and not looked after yet."""
        return len(self._read)

    async def created(self, person: Person) -> None:
        """After the commit: write the first copy, then ring. Never raises."""
        await self._replace({person.user_id: person})
        await self._ring(contact_cache.announcement(person.tenant, person.user_id))

    async def changed(self, people: Collection[Person]) -> None:
        """After the commit: replace the copies, then ring. Once this returns no older copy is used for a send.

        Raises ChangeUnconfirmed where neither the gateway nor the cache took it: then an older copy may still count.
        """
        documents = {person.user_id: person for person in people}
        confirmed = await self._confirm(
            documents, [(person.tenant, person.user_id, person.version) for person in people]
        )
        for person in people:
            await self._ring(contact_cache.announcement(person.tenant, person.user_id))
        if not confirmed:
            raise ChangeUnconfirmed

    async def forget(self, tenant: str, user_id: UUID) -> bool:
        """The user is gone: no copy stays or counts, here or elsewhere. Whether the cache took the ring.

        Never raises: an erasure repeats it.
        """
        await self._confirm({user_id: None}, [(tenant, user_id, GONE)])
        return await self._ring(contact_cache.announcement(tenant, user_id))

    def note_read(self, documents: Iterable[bytes]) -> None:
        """Have `fill` keep copies of these, which were just read; the reader does not wait for it."""
        room, peek = FILL_WAITING - len(self._read), self._filled.peek
        unsure = [document for document in documents if peek(document) is None]
        if unsure and room > 0:
            self._read.update(dict.fromkeys(unsure))
            self.fills.wake()

    async def fill(self) -> None:
        """Copy what was read, where the cache has no copy or an older one."""
        documents = list(islice(self._read, FILL_BATCH))
        try:
            await self._fill(documents)
        finally:
            for document in documents:
                del self._read[document]

    async def _fill(self, documents: Sequence[bytes]) -> None:
        batch = {user_of(document): document for document in documents}
        kept = await self._cache.get_many(contact_cache.keys(list(batch)))
        missing = {
            user_id: document
            for (user_id, document), old in zip(batch.items(), kept, strict=True)
            if old != document and version_of(old) <= version_of(document)
        }
        if missing and not await self._cache.set_many(_entries(missing), contact_cache.LIFE):
            return
        for document in documents:
            self._filled.put(document, True)
        if missing:
            await self._recheck(missing)

    async def _fill_all(self) -> bool:
        """Copy what is read, a moment after the first of it was."""
        if self._read:
            await self._clock.sleep(FILL_SECONDS)
        while self._read:
            await self.fill()
        return False

    async def _repair(self) -> bool:
        """Write what the cache has not taken. Raises StillPending when something is left."""
        await self.mend()
        if self._owed or self._unheard or (self._reached is not None and self._reached.untold):
            raise StillPending
        return False

    async def mend(self) -> None:
        """Try once to write, and to ring for, what the cache did not take, and to tell what the gateway did not."""
        owed = set(list(self._owed)[:MEND_BATCH])
        self._owed -= owed
        await self._settle(owed, None)
        if self._unheard:
            self._unheard = False
            await self._ring(contact_cache.ANYONE)
        if self._reached is not None:
            await self._reached.retry()

    async def _confirm(self, people: Mapping[UUID, Person | None], reached: Sequence[Reached]) -> bool:
        """Whether older copies are out of use: by the gateway's word, or while it is away because they are replaced."""
        if self._reached is None:
            await self._replace(people)
            return True
        replaced, told = await asyncio.gather(self._replace(people), self._reached.tell(reached))
        if not told:
            self.repairs.wake()
        return told or replaced

    async def _replace(self, people: Mapping[UUID, Person | None]) -> bool:
        documents = {user_id: contact_document(person) for user_id, person in people.items() if person is not None}
        return await self._settle(set(people), documents)

    async def _ring(self, text: str) -> bool:
        taken = await self._cache.announce(contact_cache.TOPIC, text)
        if not taken:
            self._unheard = True
            self.repairs.wake()
        return taken

    async def _recheck(self, written: Mapping[UUID, bytes]) -> None:
        try:
            outdated = await self._outdated(written.keys(), _versions(written))
        except Transient:
            self._owe(written.keys())
        else:
            await self._settle(outdated, None)

    async def _settle(self, user_ids: set[UUID], documents: Mapping[UUID, bytes] | None) -> bool:
        """Write the copies of `user_ids` until the database agrees, and whether it does.

        `documents`: theirs, where they are known.
        """
        try:
            for _ in range(ROUNDS):
                if not user_ids:
                    return True
                documents = documents if documents is not None else await self._load(user_ids)
                if not await self._write(user_ids, documents):
                    break
                user_ids, documents = await self._outdated(user_ids, _versions(documents)), None
        except Transient as error:
            self._logger.warning("contact_copies.unchecked", error=str(error))
        self._owe(user_ids)
        return not user_ids

    async def _load(self, user_ids: Collection[UUID]) -> Mapping[UUID, bytes]:
        people = await self._store.get_many(user_ids)
        return {user_id: contact_document(person) for user_id, person in people.items()}

    async def _write(self, user_ids: Collection[UUID], documents: Mapping[UUID, bytes]) -> bool:
        gone = [contact_cache.key(user_id) for user_id in user_ids if user_id not in documents]
        return await self._cache.delete(gone) and await self._cache.set_many(_entries(documents), contact_cache.LIFE)

    async def _outdated(self, user_ids: Collection[UUID], written: Mapping[UUID, int]) -> set[UUID]:
        now = await self._store.versions(user_ids)
        return {user_id for user_id in user_ids if now.get(user_id) != written.get(user_id)}

    def _owe(self, user_ids: Collection[UUID]) -> None:
        if user_ids:
            self._owed.update(user_ids)
            self.repairs.wake()


def _entries(documents: Mapping[UUID, bytes]) -> dict[str, bytes]:
    return {contact_cache.key(user_id): text for user_id, text in documents.items()}


def _versions(documents: Mapping[UUID, bytes]) -> dict[UUID, int]:
    return {user_id: version_of(text) for user_id, text in documents.items()}
