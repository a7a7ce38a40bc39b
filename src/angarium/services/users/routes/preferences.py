"""`/users/{user_id}/preferences`."""

from uuid import UUID

from fastapi import APIRouter, Response

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.users import PreferencesBody, PreferencesPatch, PreferencesView
from angarium.services.users.model import Person
from angarium.services.users.preferences import whole
from angarium.services.users.routes.parameters import IfMatch, Reader, UseCases, Writer, tag
from angarium.services.users.views import preferences_view


def preferences_router() -> APIRouter:
    """Read, replace, amend."""
    router = APIRouter(prefix="/users/{user_id}/preferences", tags=["preferences"])

    @router.get("")
    async def get_preferences(
        caller: Reader, people: UseCases, user_id: UUID, response: Response
    ) -> Envelope[PreferencesView]:
        """The whole wishes."""
        return _answer(response, await people.get(caller.tenant, user_id), "OK")

    @router.put("")
    async def replace_preferences(
        caller: Writer,
        people: UseCases,
        user_id: UUID,
        body: PreferencesBody,
        response: Response,
        if_match: IfMatch = None,
    ) -> Envelope[PreferencesView]:
        """The whole wishes; what is not named takes its default."""
        person = await people.set_preferences(caller.tenant, user_id, whole(body), if_match)
        return _answer(response, person, "Preferences updated")

    @router.patch("")
    async def amend_preferences(
        caller: Writer,
        people: UseCases,
        user_id: UUID,
        body: PreferencesPatch,
        response: Response,
        if_match: IfMatch = None,
    ) -> Envelope[PreferencesView]:
        """The wishes that are named; categories are merged channel by channel, null takes away."""
        person = await people.amend_preferences(caller.tenant, user_id, body, if_match)
        return _answer(response, person, "Preferences updated")

    return router


def _answer(response: Response, person: Person, message: str) -> Envelope[PreferencesView]:
    tag(response, person)
    return one(preferences_view(person.preferences), message)
