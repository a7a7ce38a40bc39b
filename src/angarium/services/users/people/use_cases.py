"""Use cases of users."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from angarium.contracts.addresses import Network
from angarium.contracts.errors import Forbidden
from angarium.contracts.users import UserCreate, UserPatch
from angarium.platform.auth.passwords import Passwords
from angarium.platform.cursor import decode_cursor, encode_cursor
from angarium.platform.http.frame.conditional import check_unchanged
from angarium.platform.http.frame.dependencies import PageQuery
from angarium.platform.runtime import Runtime
from angarium.services.users.people.changes import Changes, Copies
from angarium.services.users.people.edits import Stamp, amended, is_repeat, new_person
from angarium.services.users.people.model import Person
from angarium.services.users.people.preferences import check_mandatory
from angarium.services.users.people.store import EmailTaken, Filter, UserStore

_OF_SERVICES = ("email", "phone", "webhook", "metadata")
"""Fields that logged-in users cannot change: addresses must be confirmed first, and metadata belongs to the tenant."""
_NOT_BY_USERS = "Users cannot change this themselves, only a client with users:write: {}"


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """One page of users, their total number, and the next cursor."""

    people: Sequence[Person]
    total: int | None
    next_cursor: str | None


class People:
    """Creates, reads, changes and erases users. Once a change returns, no older copy is used for a send.

    Methods raise UserNotFound, PreconditionFailed (`if_match` names another revision), ValidationFailed, Conflict
    and DatabaseUnavailable; `amend` also ChangeUnconfirmed. `erased` is called after each erasure.
    """

    def __init__(
        self,
        *,
        store: UserStore,
        changes: Changes,
        copies: Copies,
        passwords: Passwords,
        runtime: Runtime,
        mandatory: Collection[str] = (),
        allowed: Sequence[Network] = (),
        erased: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._changes = changes
        self._copies = copies
        self._passwords = passwords
        self._clock = runtime.clock
        self._identifiers = runtime.identifiers
        self._logger = runtime.logger
        self._mandatory = frozenset(mandatory)
        self._allowed = tuple(allowed)
        self._erased = erased

    async def create(self, tenant: str, body: UserCreate) -> tuple[Person, bool]:
        """Create a user and return it with True, or return the user created earlier by the same body, with False.

        So a client can repeat a call whose answer was lost. Raises EmailTaken if the email belongs to another user, or
        to this one with other values; ServiceUnavailable, before any change, if no password can be hashed now.
        """
        self._check(body)
        person = new_person(tenant, self._identifiers.new(), body, await self._stamp(None))
        owner = await self._owner(person)
        if owner is None:
            hashed = await self._passwords.hash(body.password) if body.password is not None else None
            person = replace(person, password_hash=hashed)
            try:
                await self._store.insert(person)
            except EmailTaken:
                owner = await self._owner(person)
        if owner is not None:
            return await self._repeated(owner, person, body), False
        await self._copies.created(person)
        self._logger.info("user.created", user_id=str(person.user_id))
        return person, True

    async def _owner(self, person: Person) -> Person | None:
        """The existing user with the email of `person`."""
        return None if person.email is None else await self._store.with_email(person.tenant, person.email)

    async def _repeated(self, owner: Person, person: Person, body: UserCreate) -> Person:
        if not is_repeat(owner, person, body):
            raise EmailTaken
        if body.password is not None and not await self._passwords.verify(owner.password_hash, body.password):
            raise EmailTaken
        return owner

    async def get(self, tenant: str, user_id: UUID) -> Person:
        """The user."""
        return await self._store.get(tenant, user_id)

    async def find(self, tenant: str, wanted: Filter, page: PageQuery) -> PeoplePage:
        """The page, newest first."""
        before = decode_cursor(page.cursor, _user_id) if page.cursor is not None else None
        found, total = await self._store.find(tenant, wanted, limit=page.limit + 1, offset=page.offset, before=before)
        people = found[: page.limit]
        more = len(found) > page.limit
        return PeoplePage(people, total, encode_cursor(people[-1].user_id.bytes) if more else None)

    async def amend(
        self, tenant: str, user_id: UUID, body: UserPatch, if_match: str | None, *, by_user: bool = False
    ) -> Person:
        """PUT and PATCH: apply the given fields. `by_user`: the user makes the request. Raises Forbidden."""
        self._check(body)
        if by_user and body.password is not None:
            raise Forbidden(_NOT_BY_USERS.format("password"))
        stamp = await self._stamp(body.password)

        def edited(person: Person) -> Person:
            after = amended(person, body, stamp)
            changed = [name for name in _OF_SERVICES if getattr(person, name) != getattr(after, name)]
            if by_user and changed:
                raise Forbidden(_NOT_BY_USERS.format(", ".join(changed)))
            return after

        return await self._changes.change(tenant, user_id, edited, if_match)

    async def remove(self, tenant: str, user_id: UUID, if_match: str | None) -> None:
        """Erase the user with all of their data."""
        await self._store.remove(
            tenant, user_id, lambda person: check_unchanged(person.version, if_match), now=self._clock.now()
        )
        self._erased()
        await self._copies.forget(tenant, user_id)
        self._logger.info("user.deleted", user_id=str(user_id))

    def _check(self, body: UserCreate | UserPatch) -> None:
        if body.preferences is not None:
            check_mandatory(body.preferences.categories, self._mandatory, path="preferences.")

    async def _stamp(self, password: str | None) -> Stamp:
        hashed = await self._passwords.hash(password) if password is not None else None
        return Stamp(self._identifiers.new(), self._clock.now(), hashed, self._allowed)


def _user_id(place: bytes) -> UUID:
    return UUID(bytes=place)
