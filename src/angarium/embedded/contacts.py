"""Look-ups of users for the engines when the users service is in the same process."""

from collections.abc import Collection, Mapping
from uuid import UUID

import msgspec

from angarium.contracts.users import Contact
from angarium.directory.contact_cache import tenant_of, user_of
from angarium.directory.port import Contacts
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.services.users.contacts.use_cases import StoredContacts

_DOCUMENT = msgspec.json.Decoder(Contact)


class LocalContacts:
    """Implements `directory.port.Contacts`: `current` calls the service's use case directly.

    `through_service` is used while its database is unavailable, and for `known`.
    """

    def __init__(self, stored: StoredContacts, through_service: Contacts) -> None:
        self._stored = stored
        self._through_service = through_service

    def kept(self, tenant: str, user_id: UUID) -> Contact | None:
        return self._through_service.kept(tenant, user_id)

    async def known(self, tenant: str, user_id: UUID) -> Contact | None:
        return await self._through_service.known(tenant, user_id)

    async def current(self, tenant: str, user_ids: Collection[UUID]) -> Mapping[UUID, Contact | None]:
        try:
            documents = await self._stored.find(tenant, user_ids)
        except DatabaseUnavailable:
            return await self._through_service.current(tenant, user_ids)
        found = {contact.user_id: contact for contact in map(_DOCUMENT.decode, documents)}
        return {user_id: found.get(user_id) for user_id in user_ids}

    async def current_of(self, wanted: Mapping[str, Collection[UUID]]) -> Mapping[tuple[str, UUID], Contact | None]:
        if len(wanted) == 1:  # nearly every batch: its documents need no tenant
            ((tenant, user_ids),) = wanted.items()
            return {(tenant, user_id): one for user_id, one in (await self.current(tenant, user_ids)).items()}
        try:
            documents = await self._stored.find_of(wanted)
        except DatabaseUnavailable:
            return await self._through_service.current_of(wanted)
        found = {(tenant_of(document), user_of(document)): document for document in documents}
        people = [(tenant, user_id) for tenant, user_ids in wanted.items() for user_id in user_ids]
        return {one: _DOCUMENT.decode(found[one]) if one in found else None for one in people}
