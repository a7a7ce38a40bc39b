"""The port to what others must know of users and templates."""

from collections.abc import Collection, Mapping
from typing import Protocol
from uuid import UUID

from angarium.contracts.errors import Transient
from angarium.contracts.templates import CompiledTemplate
from angarium.contracts.users import Contact


class DirectoryUnavailable(Transient):
    """Neither cache nor service can say"""


class ContactVersions(Protocol):
    """The versions that users have reached, known without the users service. The notification store has them."""

    async def contact_versions(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        """The version that each user has reached. Users that were never changed are omitted. Raises Transient."""
        ...


class Contacts(Protocol):
    """Users."""

    def kept(self, tenant: str, user_id: UUID) -> Contact | None:
        """What `known` would give without asking anyone; None: it would have to ask."""
        ...

    async def known(self, tenant: str, user_id: UUID) -> Contact | None:
        """The user as of a moment ago, for an acceptance; None: there is none. Raises DirectoryUnavailable."""
        ...

    async def current(self, tenant: str, user_ids: Collection[UUID]) -> Mapping[UUID, Contact | None]:
        """Users as they are now, for a send: asked of the service, or while it is down of the cache.

        A cached copy counts only if no later change of the user was answered. None: there is no such user. One that
        is missing in the answer: neither can say now.
        """
        ...

    async def current_of(self, wanted: Mapping[str, Collection[UUID]]) -> Mapping[tuple[str, UUID], Contact | None]:
        """As `current`, for users of many tenants in one call; by tenant and user."""
        ...


class Templates(Protocol):
    """Template versions. A version never changes; which one is published does."""

    def kept_published(self, tenant: str, code: str) -> CompiledTemplate | None:
        """What `published` would give without asking anyone; None: it would have to ask."""
        ...

    def kept_version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        """What `version` would give without asking anyone; None: it would have to ask."""
        ...

    async def published(self, tenant: str, code: str) -> CompiledTemplate | None:
        """The published version; None: no such template, or archived. Raises DirectoryUnavailable."""
        ...

    async def version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        """That version, archived or not; None: there is none. Raises DirectoryUnavailable."""
        ...
