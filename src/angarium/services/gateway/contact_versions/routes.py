"""`POST /internal/v1/contact-versions`: the users service reports the versions that users have reached."""

from typing import Any

from fastapi import APIRouter

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.users import ContactVersions
from angarium.notifications.store.port import NotificationStore
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.direct import ServiceRoute, converted

PATH = "/internal/v1/contact-versions"


def routes(store: NotificationStore) -> APIRouter:
    """Stores the versions with the notifications, where workers can read them without the users service."""
    router = APIRouter(include_in_schema=False, route_class=ServiceRoute)
    answer: Envelope[None] = one(None, "Kept")
    kept = answer.model_dump_json().encode()

    @router.post(PATH, response_model=None)
    async def keep(caller: Caller, content: Any) -> JsonBytes:
        """Store versions of the caller's tenant's users. Durable once answered; a lower version changes nothing."""
        await store.raise_contact_versions(caller.tenant, converted(content, ContactVersions).versions)
        return JsonBytes(kept)

    return router
