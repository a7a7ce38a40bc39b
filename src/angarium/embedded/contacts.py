"""Look-ups of users for the engines when the users service is in the same process, or in the parent process."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

import msgspec

from angarium.contracts.users import Contact
from angarium.directory.contact_cache import tenant_of, user_of
from angarium.directory.port import Contacts
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.link.link import Link, LinkClosed, Refused

CONTACTS: Final = "users.contacts"
"""The question of a worker process: tenants and their users' ids; the answer: documents of those that exist."""
_DOCUMENT = msgspec.json.Decoder(Contact)
_PATIENCE = 2.0
"""Upper bound of a look-up over a link, in seconds; as of a call between services."""


class StoredContacts(Protocol):
    """The use case of the users service, `services.users.contacts.use_cases.StoredContacts`."""

    async def find(self, tenant: str, user_ids: Collection[UUID]) -> Sequence[bytes]:
        """The contact documents of those users that exist. Raises DatabaseUnavailable."""
        ...

    async def find_of(self, wanted: Mapping[str, Collection[UUID]]) -> Sequence[bytes]:
        """As `find`, of several tenants."""
        ...


class LinkedStoredContacts:
    """Implements `StoredContacts` over a link, whose other end calls `serve_contacts`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def find(self, tenant: str, user_ids: Collection[UUID]) -> Sequence[bytes]:
        return await self.find_of({tenant: user_ids})

    async def find_of(self, wanted: Mapping[str, Collection[UUID]]) -> Sequence[bytes]:
        asked = msgspec.msgpack.encode({tenant: list(user_ids) for tenant, user_ids in wanted.items()})
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await self._link.ask(CONTACTS, asked)
        except (LinkClosed, Refused, TimeoutError) as error:
            raise DatabaseUnavailable from error
        return msgspec.msgpack.decode(answer, type=list[bytes])


def serve_contacts(link: Link, stored: StoredContacts) -> None:
    """Answer the look-ups of a worker process from `stored`."""

    async def find(payload: bytes) -> bytes:
        wanted = msgspec.msgpack.decode(payload, type=dict[str, list[UUID]])
        return msgspec.msgpack.encode(await stored.find_of(wanted))

    link.answer(CONTACTS, find)


class LocalContacts:
    """Implements `directory.port.Contacts`: `current` calls the service's use case, without its HTTP interface.

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
