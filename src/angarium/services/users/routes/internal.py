"""`/internal/v1`: what other services ask."""

from fastapi import APIRouter

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.users import ContactAnswer, ContactQuery
from angarium.platform.http.answers import JsonBytes
from angarium.services.users.routes.parameters import Service, UseCases
from angarium.services.users.views import contact


def internal_router() -> APIRouter:
    """Contacts, many at once."""
    router = APIRouter(prefix="/internal/v1", tags=["internal"], include_in_schema=False)

    @router.post("/contacts", response_model=Envelope[ContactAnswer])
    async def contacts(caller: Service, people: UseCases, body: ContactQuery) -> JsonBytes:
        """The users of the caller's tenant that exist; one that is missing is no user."""
        found = await people.contacts(caller.tenant, body.user_ids)
        answer = one(ContactAnswer(contacts=[contact(person) for person in found.values()]))
        return JsonBytes(answer.model_dump_json())

    return router
