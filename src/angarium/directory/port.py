"""The port to look-ups of users and templates."""

from collections.abc import Collection, Mapping
from typing import Protocol
from uuid import UUID

from angarium.contracts.errors import Transient
from angarium.contracts.templates import CompiledTemplate
from angarium.contracts.users import Contact


class DirectoryUnavailable(Transient):
    """Neither cache nor service can say"""


class ContactVersions(Protocol):
    """The contact versions that users have reached, read from the notification store, without the users service."""

    async def contact_versions(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        """Return the version that each user has reached. Users without a change are omitted. Raises Transient."""
        ...


class Contacts(Protocol):
    """Look-ups of users."""

    def kept(self, tenant: str, user_id: UUID) -> Contact | None:
        """Return the cached result of `known`; None if it needs a call."""
        ...

    async def known(self, tenant: str, user_id: UUID) -> Contact | None:
        """Return the user, possibly from a short-lived cache, for an acceptance; None if there is none.

        Raises DirectoryUnavailable.
        """
        ...

    async def current(self, tenant: str, user_ids: Collection[UUID]) -> Mapping[UUID, Contact | None]:
        """Return users' current contacts for a send, from the service, or from the cache while it is down.

        A cached copy is used only if no later change of the user was answered. None: there is no such user. Users that
        cannot be looked up now are omitted.
        """
        ...

    async def current_of(self, wanted: Mapping[str, Collection[UUID]]) -> Mapping[tuple[str, UUID], Contact | None]:
        """As `current`, for users of many tenants in one call. The result is keyed by tenant and user."""
        ...


class Templates(Protocol):
    """Look-ups of template versions. A version is immutable; which one is published can change."""

    def kept_published(self, tenant: str, code: str) -> CompiledTemplate | None:
        """Return the cached result of `published`; None if it needs a call."""
        ...

    def kept_version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        """Return the cached result of `version`; None if it needs a call."""
        ...

    async def published(self, tenant: str, code: str) -> CompiledTemplate | None:
        """Return the published version; None if the template does not exist or is archived.

        Raises DirectoryUnavailable.
        """
        ...

    async def version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        """Return that version, archived or not; None if there is none. Raises DirectoryUnavailable."""
        ...
