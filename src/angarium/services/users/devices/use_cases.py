"""Use cases of a user's devices."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from angarium.contracts.errors import UserNotFound
from angarium.contracts.users import DeadDevice, DeviceCreate
from angarium.platform.runtime import Runtime
from angarium.services.users.devices.edits import DeviceNotFound, checked_token, with_device, without_device
from angarium.services.users.people.changes import Changes
from angarium.services.users.people.model import Device, Person
from angarium.services.users.people.push_token import find_device
from angarium.services.users.people.store import UserStore


class Devices:
    """Registers and removes devices; raises as `Changes.change` does."""

    def __init__(self, *, store: UserStore, changes: Changes, runtime: Runtime) -> None:
        self._store = store
        self._changes = changes
        self._clock = runtime.clock
        self._identifiers = runtime.identifiers
        self._logger = runtime.logger

    async def owner(self, tenant: str, user_id: UUID) -> Person:
        """The user with all devices, oldest first. Raises UserNotFound."""
        return await self._store.get(tenant, user_id)

    async def add(self, tenant: str, user_id: UUID, body: DeviceCreate, if_match: str | None) -> tuple[Person, Device]:
        """Register a device. A known token returns the existing device. Raises Conflict beyond 50 devices."""
        device = Device(
            device_id=self._identifiers.new(),
            platform=body.platform,
            token=checked_token(body),
            name=body.name,
            is_push_token=False,
            created_at=self._clock.now(),
        )
        person = await self._changes.change(tenant, user_id, lambda person: with_device(person, device), if_match)
        return person, find_device(person, device.platform, device.token) or device

    async def remove(self, tenant: str, user_id: UUID, device_id: UUID, if_match: str | None) -> Person:
        """Remove a device. Raises DeviceNotFound."""
        return await self._changes.change(tenant, user_id, lambda person: without_device(person, device_id), if_match)

    async def remove_dead(self, tenant: str, devices: Sequence[DeadDevice]) -> int:
        """Remove devices with dead tokens; return their number. Unknown users and devices are skipped."""
        removed = 0
        for device in devices:
            with suppress(UserNotFound, DeviceNotFound):
                await self.remove(tenant, device.user_id, device.device_id, None)
                self._logger.info("device.removed", user_id=str(device.user_id), reason="dead")
                removed += 1
        return removed
