"""`/internal/v1`: what other services ask."""

from collections.abc import Collection

import msgspec
from fastapi import APIRouter
from starlette.requests import Request

from angarium.contracts.envelope import Envelope, Meta
from angarium.contracts.errors import ValidationFailed
from angarium.contracts.users import ContactQuery
from angarium.platform.http.answers import JsonBytes
from angarium.platform.http.dependencies import service_only
from angarium.services.users.people import People

_QUERY = msgspec.json.Decoder(ContactQuery)


def internal_router() -> APIRouter:
    """Contacts, many at once."""
    router = APIRouter(prefix="/internal/v1", tags=["internal"], include_in_schema=False)

    @router.post("/contacts", response_model=None)
    async def contacts(request: Request) -> JsonBytes:
        """The users of the caller's tenant that exist; one that is missing is no user.

        Asked before every send, so the documents go out as they are kept, and nothing is validated on the way.
        """
        caller = await service_only(request)
        people: People = request.app.state.people
        query = _query(await request.body())
        return JsonBytes(_answer(await people.contacts(caller.tenant, query.user_ids)))

    return router


def _query(body: bytes) -> ContactQuery:
    try:
        return _QUERY.decode(body)
    except ValueError as error:
        raise ValidationFailed.of("body", str(error)) from None


def _answer(documents: Collection[bytes]) -> bytes:
    whole = Envelope(data={"contacts": []}, meta=Meta.of_page(total=1, limit=10, page=1)).model_dump_json().encode()
    before, after = whole.split(b"[]", 1)
    return b"".join((before, b"[", b",".join(documents), b"]", after))
