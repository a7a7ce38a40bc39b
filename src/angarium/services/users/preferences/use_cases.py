"""Use cases of preferences, for clients and the preference page."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from uuid import UUID

from angarium.contracts.preferences import PreferencesPatch
from angarium.contracts.statuses import Channel
from angarium.contracts.users import Preferences
from angarium.services.users.people.changes import Changes
from angarium.services.users.people.model import Person
from angarium.services.users.people.preferences import check_mandatory, merged
from angarium.services.users.people.store import UserStore
from angarium.services.users.preferences.choice import Choice, chosen, switched_off, without


class UserPreferences:
    """Changes preferences; raises as `Changes.change` does. `mandatory` categories cannot be disabled."""

    def __init__(self, *, store: UserStore, changes: Changes, mandatory: Collection[str] = ()) -> None:
        self._store = store
        self._changes = changes
        self._mandatory = frozenset(mandatory)

    async def owner(self, tenant: str, user_id: UUID) -> Person:
        """The user with all preferences. Raises UserNotFound."""
        return await self._store.get(tenant, user_id)

    async def amend(self, tenant: str, user_id: UUID, patch: PreferencesPatch, if_match: str | None) -> Person:
        """Apply the given preferences in `patch`, for PUT and PATCH."""
        check_mandatory(patch.categories, self._mandatory)
        return await self._change(tenant, user_id, lambda old: merged(old, patch), if_match)

    async def choose(self, tenant: str, user_id: UUID, choice: Choice) -> Person:
        """Apply the form of the preference page; categories that were not shown do not change."""
        return await self._change(tenant, user_id, lambda old: chosen(old, choice, self._mandatory))

    async def unsubscribe(self, tenant: str, user_id: UUID, channel: Channel, category: str | None) -> Person:
        """Disable the category on the channel, or without a category the whole channel."""
        check = {category: switched_off(channel)} if category is not None else {}
        check_mandatory(check, self._mandatory)
        return await self._change(tenant, user_id, lambda old: without(old, channel, category))

    def optional(self, categories: Iterable[str]) -> list[str]:
        """Those of `categories` that can be disabled, sorted."""
        return sorted(set(categories) - self._mandatory)

    async def _change(
        self, tenant: str, user_id: UUID, edit: Callable[[Preferences], Preferences], if_match: str | None = None
    ) -> Person:
        def edited(person: Person) -> Person:
            return replace(person, preferences=edit(person.preferences))

        return await self._changes.change(tenant, user_id, edited, if_match)
