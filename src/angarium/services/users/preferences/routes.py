"""`/users/{user_id}/preferences`."""

from uuid import UUID

from fastapi import APIRouter, Response

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.preferences import PreferencesAmend, PreferencesPut, PreferencesView
from angarium.platform.http.frame.conditional import tag
from angarium.services.users.people.model import Person
from angarium.services.users.people.parameters import IfMatch, Reader, Writer
from angarium.services.users.preferences.use_cases import UserPreferences
from angarium.services.users.preferences.views import preferences_view


def routes(preferences: UserPreferences) -> APIRouter:
    """Read, replace, amend."""
    router = APIRouter(prefix="/users/{user_id}/preferences", tags=["preferences"])

    @router.get("")
    async def get_preferences(caller: Reader, user_id: UUID, response: Response) -> Envelope[PreferencesView]:
        """All preferences."""
        return _answer(response, await preferences.owner(caller.tenant, user_id), "OK")

    @router.put("")
    async def replace_preferences(
        caller: Writer,
        user_id: UUID,
        body: PreferencesPut,
        response: Response,
        if_match: IfMatch = None,
    ) -> Envelope[PreferencesView]:
        """Set the given preferences. Omitted and null fields do not change."""
        person = await preferences.amend(caller.tenant, user_id, body, if_match)
        return _answer(response, person, "Preferences updated")

    @router.patch("")
    async def amend_preferences(
        caller: Writer,
        user_id: UUID,
        body: PreferencesAmend,
        response: Response,
        if_match: IfMatch = None,
    ) -> Envelope[PreferencesView]:
        """Set the given preferences. Categories are merged by channel; null removes."""
        person = await preferences.amend(caller.tenant, user_id, body, if_match)
        return _answer(response, person, "Preferences updated")

    return router


def _answer(response: Response, person: Person, message: str) -> Envelope[PreferencesView]:
    tag(response, person.version)
    return one(preferences_view(person.preferences), message)
