"""`/internal/v1`: routes for other services."""

from collections.abc import Callable, Collection
from typing import Any

from fastapi import APIRouter

from angarium.contracts.envelope import Envelope, Meta
from angarium.contracts.users import ContactQuery
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.direct import ServiceRoute, converted
from angarium.services.users.contacts.use_cases import StoredContacts


def routes(stored: StoredContacts) -> APIRouter:
    """Batch look-up of contacts."""
    router = APIRouter(prefix="/internal/v1", tags=["internal"], include_in_schema=False, route_class=ServiceRoute)
    answer = _answering()

    @router.post("/contacts", response_model=None)
    async def contacts(caller: Caller, content: Any) -> JsonBytes:
        """The existing users of the caller's tenant, or of the named tenants. Missing ids do not exist.

        Called before every send, so stored documents are returned unchanged and without validation.
        """
        query = converted(content, ContactQuery)
        if query.of_tenants:
            return JsonBytes(answer(await stored.find_of({caller.tenant: query.user_ids} | query.of_tenants)))
        return JsonBytes(answer(await stored.find(caller.tenant, query.user_ids)))

    return router


def _answering() -> Callable[[Collection[bytes]], bytes]:
    """Builds an answer from documents."""
    whole = Envelope(data={"contacts": []}, meta=Meta.of_page(total=1, limit=10, page=1)).model_dump_json().encode()
    before, after = whole.split(b"[]", 1)
    return lambda documents: b"".join((before, b"[", b",".join(documents), b"]", after))
