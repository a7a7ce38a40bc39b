"""The use cases of the users service."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from angarium.contracts.addresses import Network
from angarium.contracts.errors import UserNotFound
from angarium.contracts.preferences import PreferencesPatch
from angarium.contracts.statuses import Channel
from angarium.contracts.users import DeadDevice, DeviceCreate, Preferences, UserCreate, UserPatch
from angarium.platform.clock import Clock
from angarium.platform.http.frame.dependencies import PageQuery
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import Logger
from angarium.services.users.conditions import check_unchanged
from angarium.services.users.contacts.copies import ContactCopies
from angarium.services.users.cursor import decode_cursor, encode_cursor
from angarium.services.users.devices.edits import DeviceNotFound, checked_token, find_device, with_device, without_device
from angarium.services.users.people.edits import Stamp, amended, is_repeat, new_person
from angarium.services.users.people.model import Device, Person
from angarium.services.users.people.passwords import Passwords
from angarium.services.users.people.preferences import Choice, check_mandatory, chosen, merged, switched_off, without
from angarium.services.users.people.store import Edit, EmailTaken, Filter, UserStore


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """One page of people, how many there are in all, and how to go on."""

    people: Sequence[Person]
    total: int | None
    next_cursor: str | None


class People:
    """What can be done with users. Each change is told to the cache and to everyone before it returns.

    Methods raise UserNotFound, PreconditionFailed (`if_match` names another state), ValidationFailed, Conflict
    and DatabaseUnavailable; those that change a user also ChangeUnconfirmed.
    """

    def __init__(
        self,
        *,
        store: UserStore,
        copies: ContactCopies,
        passwords: Passwords,
        clock: Clock,
        identifiers: Identifiers,
        logger: Logger,
        mandatory: Collection[str] = (),
        allowed: Sequence[Network] = (),
        erased: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._copies = copies
        self._passwords = passwords
        self._clock = clock
        self._identifiers = identifiers
        self._logger = logger
        self._mandatory = frozenset(mandatory)
        self._allowed = tuple(allowed)
        self._erased = erased

    async def create(self, tenant: str, body: UserCreate) -> tuple[Person, bool]:
        """A new user and True; or the user that this very body made before, and False.

        So a client whose call was cut off repeats it. Raises EmailTaken where the email belongs to another user, or to
        this one with other values; ServiceUnavailable, before anything is done, where no password can be hashed now.
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
        """The user with the email of `person`."""
        if person.email is None:
            return None
        found, _ = await self._store.find(person.tenant, Filter(email=person.email), limit=1)
        return found[0] if found else None

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
        before = decode_cursor(page.cursor) if page.cursor is not None else None
        found, total = await self._store.find(tenant, wanted, limit=page.limit + 1, offset=page.offset, before=before)
        people = found[: page.limit]
        more = len(found) > page.limit
        return PeoplePage(people, total, encode_cursor(people[-1].user_id) if more else None)

    async def amend(self, tenant: str, user_id: UUID, body: UserPatch, if_match: str | None) -> Person:
        """PUT and PATCH: what `body` names changes."""
        self._check(body)
        stamp = await self._stamp(body.password)
        return await self._change(tenant, user_id, lambda person: amended(person, body, stamp), if_match)

    async def remove(self, tenant: str, user_id: UUID, if_match: str | None) -> None:
        """Erase the user with everything that belongs to them."""
        check = partial(check_unchanged, if_match=if_match)
        await self._store.remove(tenant, user_id, check, now=self._clock.now())
        self._erased()
        await self._copies.forget(tenant, user_id)
        self._logger.info("user.deleted", user_id=str(user_id))

    async def amend_preferences(
        self, tenant: str, user_id: UUID, patch: PreferencesPatch, if_match: str | None
    ) -> Person:
        """PUT and PATCH: the preferences that `patch` names change."""
        check_mandatory(patch.categories, self._mandatory)
        return await self._change(
            tenant, user_id, lambda person: _wishing(person, merged(person.preferences, patch)), if_match
        )

    async def choose(self, tenant: str, user_id: UUID, choice: Choice) -> Person:
        """What the person ticked on their preference page; categories that were not shown stay."""
        return await self._change(
            tenant, user_id, lambda person: _wishing(person, chosen(person.preferences, choice, self._mandatory)), None
        )

    async def unsubscribe(self, tenant: str, user_id: UUID, channel: Channel, category: str | None) -> Person:
        """Switch the category off on the channel, or without a category the channel."""
        check = {category: switched_off(channel)} if category is not None else {}
        check_mandatory(check, self._mandatory)
        return await self._change(
            tenant, user_id, lambda person: _wishing(person, without(person.preferences, channel, category)), None
        )

    def optional(self, categories: Iterable[str]) -> list[str]:
        """Those of `categories` that may be switched off, in order."""
        return sorted(set(categories) - self._mandatory)

    async def add_device(
        self, tenant: str, user_id: UUID, body: DeviceCreate, if_match: str | None
    ) -> tuple[Person, Device]:
        """Register a device; the same token again gives the device that is there."""
        device = Device(
            device_id=self._identifiers.new(),
            platform=body.platform,
            token=checked_token(body),
            name=body.name,
            is_push_token=False,
            created_at=self._clock.now(),
        )
        person = await self._change(tenant, user_id, lambda person: with_device(person, device), if_match)
        return person, find_device(person, device.platform, device.token) or device

    async def remove_device(self, tenant: str, user_id: UUID, device_id: UUID, if_match: str | None) -> Person:
        """Forget a device. Raises DeviceNotFound."""
        return await self._change(tenant, user_id, lambda person: without_device(person, device_id), if_match)

    async def remove_dead_devices(self, tenant: str, devices: Sequence[DeadDevice]) -> int:
        """Forget devices whose tokens are dead; how many were there. Unknown users and devices are skipped."""
        removed = 0
        for device in devices:
            with suppress(UserNotFound, DeviceNotFound):
                await self.remove_device(tenant, device.user_id, device.device_id, None)
                self._logger.info("device.removed", user_id=str(device.user_id), reason="dead")
                removed += 1
        return removed

    async def contacts(self, tenant: str, user_ids: Collection[UUID]) -> Sequence[bytes]:
        """The contact documents of those of `user_ids` that exist, for another service."""
        documents = await self._store.contacts(tenant, set(user_ids))
        self._copies.note_read(documents)
        return documents

    async def _change(self, tenant: str, user_id: UUID, edit: Edit, if_match: str | None) -> Person:
        def checked(person: Person) -> Person:
            check_unchanged(person, if_match)
            return edit(person)

        person = await self._store.change(tenant, user_id, checked, now=self._clock.now())
        await self._copies.changed([person])
        self._logger.info("user.changed", user_id=str(user_id))
        return person

    def _check(self, body: UserCreate | UserPatch) -> None:
        if body.preferences is not None:
            check_mandatory(body.preferences.categories, self._mandatory, path="preferences.")

    async def _stamp(self, password: str | None) -> Stamp:
        hashed = await self._passwords.hash(password) if password is not None else None
        return Stamp(self._identifiers.new(), self._clock.now(), hashed, self._allowed)


def _wishing(person: Person, wishes: Preferences) -> Person:
    return replace(person, preferences=wishes)
