"""`/users/{user_id}/devices`."""

from uuid import UUID

from fastapi import APIRouter, Response

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.users import DeviceCreate, DeviceView
from angarium.platform.http.frame.conditional import tag
from angarium.platform.http.frame.openapi import conflict
from angarium.platform.http.frame.short_lists import ShortPage, part_of
from angarium.services.users.devices.use_cases import Devices
from angarium.services.users.devices.views import device_view
from angarium.services.users.people.parameters import IfMatch, Reader, Writer


def routes(devices: Devices) -> APIRouter:
    """List, register, remove."""
    router = APIRouter(prefix="/users/{user_id}/devices", tags=["devices"])

    @router.get("")
    async def list_devices(
        caller: Reader, user_id: UUID, page: ShortPage, response: Response
    ) -> Envelope[list[DeviceView]]:
        """Oldest first."""
        person = await devices.owner(caller.tenant, user_id)
        tag(response, person.version)
        return part_of([device_view(device) for device in person.devices], page)

    @router.post("", status_code=201, responses=conflict("The user has as many devices as a user may have"))
    async def add_device(
        caller: Writer,
        user_id: UUID,
        body: DeviceCreate,
        response: Response,
        if_match: IfMatch = None,
    ) -> Envelope[DeviceView]:
        """Register a device. A known token returns the existing device."""
        person, device = await devices.add(caller.tenant, user_id, body, if_match)
        tag(response, person.version)
        return one(device_view(device), "Device registered")

    @router.delete("/{device_id}")
    async def remove_device(
        caller: Writer, user_id: UUID, device_id: UUID, response: Response, if_match: IfMatch = None
    ) -> Envelope[dict[str, UUID]]:
        """Remove a device."""
        person = await devices.remove(caller.tenant, user_id, device_id, if_match)
        tag(response, person.version)
        return one({"device_id": device_id}, "Device removed")

    return router
