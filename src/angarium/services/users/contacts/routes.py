"""`/internal/v1`: what other services ask."""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter

from angarium.contracts.envelope import Envelope, Meta, one
from angarium.contracts.errors import ValidationFailed
from angarium.contracts.users import ContactQuery, DeadDeviceReport
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.direct import ServiceRoute
from angarium.services.users.contacts.use_cases import StoredContacts
from angarium.services.users.devices.use_cases import Devices

_BodyT = TypeVar("_BodyT")


def routes(stored: StoredContacts, devices: Devices) -> APIRouter:
    """Contacts, many at once, and the removal of dead devices."""
    router = APIRouter(prefix="/internal/v1", tags=["internal"], include_in_schema=False, route_class=ServiceRoute)
    answer = _answering()

    @router.post("/contacts", response_model=None)
    async def contacts(caller: Caller, content: Any) -> JsonBytes:
        """The users of the caller's tenant that exist; one that is missing is no user.

        Asked before every send, so the documents go out as they are kept, and nothing is validated on the way.
        """
        query = _converted(content, ContactQuery)
        return JsonBytes(answer(await stored.find(caller.tenant, query.user_ids)))

    @router.post("/dead-devices", response_model=None)
    async def dead_devices(caller: Caller, content: Any) -> JsonBytes:
        """Remove devices whose push tokens a provider has reported as dead. Idempotent."""
        report = _converted(content, DeadDeviceReport)
        removed = await devices.remove_dead(caller.tenant, report.devices)
        return JsonBytes(one({"removed": removed}).model_dump_json().encode())

    return router


def _converted(content: object, shape: type[_BodyT]) -> _BodyT:
    try:
        return msgspec.convert(content, shape)
    except ValueError as error:
        raise ValidationFailed.of("body", str(error)) from None


def _answering() -> Callable[[Collection[bytes]], bytes]:
    """What puts documents into an answer."""
    whole = Envelope(data={"contacts": []}, meta=Meta.of_page(total=1, limit=10, page=1)).model_dump_json().encode()
    before, after = whole.split(b"[]", 1)
    return lambda documents: b"".join((before, b"[", b",".join(documents), b"]", after))
