"""`POST /internal/v1/dead-devices`: workers report devices whose push tokens are dead."""

from typing import Any

from fastapi import APIRouter

from angarium.contracts.envelope import one
from angarium.contracts.users import DeadDeviceReport
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.direct import ServiceRoute, converted
from angarium.services.users.devices.use_cases import Devices


def routes(devices: Devices) -> APIRouter:
    """Routes of reports of dead devices."""
    router = APIRouter(prefix="/internal/v1", tags=["internal"], include_in_schema=False, route_class=ServiceRoute)

    @router.post("/dead-devices", response_model=None)
    async def dead_devices(caller: Caller, content: Any) -> JsonBytes:
        """Remove devices whose push tokens a provider has reported as dead. Idempotent."""
        removed = await devices.remove_dead(caller.tenant, converted(content, DeadDeviceReport).devices)
        return JsonBytes(one({"removed": removed}).model_dump_json().encode())

    return router
