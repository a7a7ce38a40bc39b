"""All changes of users: conditional, in one transaction, and with copies invalidated once they return."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from angarium.contracts.errors import ServiceUnavailable
from angarium.platform.http.frame.conditional import check_unchanged
from angarium.platform.runtime import Runtime
from angarium.services.users.people.model import Person
from angarium.services.users.people.store import Edit, UserStore


class ChangeUnconfirmed(ServiceUnavailable):
    """The change is stored, but an older copy may still be used for a send; repeat the call"""


class Copies(Protocol):
    """Copies of contacts outside of the database. Call each method after the commit."""

    async def created(self, person: Person) -> None:
        """Write the first copy of a person. Never raises."""
        ...

    async def changed(self, people: Collection[Person]) -> None:
        """Invalidate older copies. Raises ChangeUnconfirmed if that is uncertain."""
        ...

    async def forget(self, tenant: str, user_id: UUID) -> object:
        """Delete the copies of an erased user. Never raises."""
        ...


class Changes:
    """Changes users; used by every resource that is part of a user."""

    def __init__(self, *, store: UserStore, copies: Copies, runtime: Runtime) -> None:
        self._store = store
        self._copies = copies
        self._clock = runtime.clock
        self._logger = runtime.logger

    async def change(self, tenant: str, user_id: UUID, edit: Edit, if_match: str | None) -> Person:
        """Apply `edit` and return the person. Once this returns, no older copy is used for a send.

        `edit` must be pure, as it may be called again. Raises UserNotFound, PreconditionFailed (`if_match` names
        another revision), EmailTaken, ChangeUnconfirmed, DatabaseUnavailable and what `edit` raises.
        """

        def checked(person: Person) -> Person:
            check_unchanged(person.version, if_match)
            return edit(person)

        person = await self._store.change(tenant, user_id, checked, now=self._clock.now())
        await self._copies.changed([person])
        self._logger.info("user.changed", user_id=str(user_id))
        return person
