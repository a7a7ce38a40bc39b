"""Keeps the cached copies of contacts in sync with the database."""

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
"""Upper bound of contacts waiting to be cached; further ones are cached when they are read again."""
FILL_SECONDS = 1.0
"""How long reads are gathered before their copies are checked in one call to the cache."""
FILLED = timedelta(seconds=10)
"""How long a copy that was found in the cache is assumed to be there."""
LONGEST_BACK_OFF_SECONDS = 1.0


class StillPending(Transient):
    """The cache or the gateway has not taken all changes yet"""


class ContactCopies:
    """Writes copies to the cache, and ensures that older copies are not used once a change is answered.

    Several processes write the same keys. So each reads the database again after a write, and repeats it if the row
    changed meanwhile: the last writer has seen the last commit. Failed writes and announcements are repeated by the
    loop `repairs` as soon as the cache is available. Each process announces a change of all users at its start.

    This keeps copies useful, but not safe: the cache may refuse a write, lose it later or return to an older state, and
    this process may end before it repairs that. So `reached` reports the version of each changed user to the gateway,
    and workers do not use copies of older versions. Without `reached` there is no gateway to report to.
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
        self._unheard = True  # the previous process may have ended between a commit and its announcement
        self._read: dict[bytes, None] = {}
        self._filled: LocalCache[bytes, bool] = LocalCache(runtime.clock, max_entries=FILL_WAITING, ttl=FILLED)
        self.repairs = Passes("contact copies", self._repair, pause=None, longest_back_off=LONGEST_BACK_OFF_SECONDS)
        self.fills = Passes("contact copies of what was read", self._fill_all, pause=None)
        self.repairs.wake()

    @property
    def owed(self) -> Collection[UUID]:
        """Users whose change is not in the cache yet."""
        return frozenset(self._owed)

    @property
    def unfilled(self) -> int:
        """Number of documents that were read and whose copies are not checked yet."""
        return len(self._read)

    async def created(self, person: Person) -> None:
        """After the commit: write the first copy, then announce it. Never raises."""
        await self._replace({person.user_id: person})
        await self._ring(contact_cache.announcement(person.tenant, person.user_id))

    async def changed(self, people: Collection[Person]) -> None:
        """After the commit: replace the copies, then announce it. Once this returns, no older copy is used for a send.

        Raises ChangeUnconfirmed if neither the gateway nor the cache accepted it: an older copy may then still be used.
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
        """Remove and invalidate all copies of a deleted user; return whether the cache accepted the announcement.

        Never raises, since an erasure repeats it.
        """
        await self._confirm({user_id: None}, [(tenant, user_id, GONE)])
        return await self._ring(contact_cache.announcement(tenant, user_id))

    def note_read(self, documents: Iterable[bytes]) -> None:
        """Queue documents that were just read for `fill`; the reader does not wait."""
        room, peek = FILL_WAITING - len(self._read), self._filled.peek
        unsure = [document for document in documents if peek(document) is None]
        if unsure and room > 0:
            self._read.update(dict.fromkeys(unsure))
            self.fills.wake()

    async def fill(self) -> None:
        """Cache read documents whose copy is missing or older."""
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
        """Cache read documents a moment after the first of them was read."""
        if self._read:
            await self._clock.sleep(FILL_SECONDS)
        while self._read:
            await self.fill()
        return False

    async def _repair(self) -> bool:
        """Write pending changes to the cache. Raises StillPending if some are left."""
        await self.mend()
        if self._owed or self._unheard or (self._reached is not None and self._reached.untold):
            raise StillPending
        return False

    async def mend(self) -> None:
        """Try once to write and announce pending changes, and to report pending versions to the gateway."""
        owed = set(list(self._owed)[:MEND_BATCH])
        self._owed -= owed
        await self._settle(owed, None)
        if self._unheard:
            self._unheard = False
            await self._ring(contact_cache.ANYONE)
        if self._reached is not None:
            await self._reached.retry()

    async def _confirm(self, people: Mapping[UUID, Person | None], reached: Sequence[Reached]) -> bool:
        """Whether older copies are invalid: by the gateway's confirmation, or without it because they are replaced."""
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
        """Write the copies of `user_ids` until they match the database; return whether they do.

        `documents`: their documents, if known.
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
