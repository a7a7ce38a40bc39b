"""Reads contacts for other services, before every send."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from angarium.directory.contact_cache import tenant_of, user_of
from angarium.services.users.contacts.copies import ContactCopies
from angarium.services.users.contacts.documents import Documents
from angarium.services.users.people.contact import contact_document
from angarium.services.users.people.store import UserStore


class StoredContacts:
    """Contact documents of the database, which are cached once they are read."""

    def __init__(self, *, store: UserStore, documents: Documents, copies: ContactCopies) -> None:
        self._store = store
        self._documents = documents
        self._copies = copies

    async def find(self, tenant: str, user_ids: Collection[UUID]) -> Sequence[bytes]:
        """The documents of existing users in `tenant`. Raises DatabaseUnavailable."""
        documents = await self._read(tenant, set(user_ids))
        self._copies.note_read(documents)
        return documents

    async def find_of(self, wanted: Mapping[str, Collection[UUID]]) -> Sequence[bytes]:
        """The documents of existing users, by tenant. Raises DatabaseUnavailable."""
        user_ids: set[UUID] = set().union(*wanted.values())
        found = {user_of(document): document for document in await self._documents.find_any(user_ids)}
        people = await self._store.get_many(user_ids - found.keys()) if len(found) < len(user_ids) else {}
        found |= {user_id: contact_document(person) for user_id, person in people.items()}
        documents = [one for user_id, one in found.items() if user_id in wanted.get(tenant_of(one), ())]
        self._copies.note_read(documents)
        return documents

    async def _read(self, tenant: str, user_ids: Collection[UUID]) -> Sequence[bytes]:
        found = await self._documents.find(tenant, user_ids)
        if len(found) == len(user_ids):
            return found
        # A row that an older version of the service wrote has no current document: it is built from the columns.
        missing = set(user_ids).difference(user_of(document) for document in found)
        people = await self._store.get_many(missing, tenant=tenant)
        return [*found, *(contact_document(person) for person in people.values())]
