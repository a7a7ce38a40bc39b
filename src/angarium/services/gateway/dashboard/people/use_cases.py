"""What operators do with users: find, look, change preferences, remove a device, erase."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from angarium.platform.auth.caller import Caller
from angarium.services.gateway.audit.store import Actor
from angarium.services.gateway.dashboard.services import LIMIT, Listed, Service, Thing


@dataclass(frozen=True, slots=True)
class Person:
    """A user with preferences and devices. `etag`: of the preferences."""

    user: Thing
    preferences: Thing
    devices: Sequence[Thing]
    etag: str | None


class People:
    """Methods raise what `Service` raises."""

    def __init__(self, users: Service) -> None:
        self._users = users

    async def find(self, caller: Caller, search: str, cursor: str | None) -> Listed:
        """Users, newest first; `search` is a part of the name, email or phone."""
        return await self._users.list(caller, "/users", {"search": search, "cursor": cursor, "limit": LIMIT})

    async def get(self, caller: Caller, user_id: UUID) -> Person:
        """One user."""
        path = _path(user_id)
        user = await self._users.get(caller, path)
        preferences = await self._users.get_tagged(caller, f"{path}/preferences")
        devices = await self._users.list(caller, f"{path}/devices", {"limit": 100})
        return Person(user, preferences.thing, devices.rows, preferences.etag)

    async def change_preferences(self, actor: Actor, user_id: UUID, patch: Thing, etag: str) -> None:
        """Change what `patch` names. Raises PreconditionFailed where the user has changed since `etag`."""
        await self._users.change(actor, "PATCH", f"{_path(user_id)}/preferences", patch, etag=etag)

    async def remove_device(self, actor: Actor, user_id: UUID, device_id: UUID) -> None:
        """Forget a device."""
        await self._users.change(actor, "DELETE", f"{_path(user_id)}/devices/{device_id}")

    async def erase(self, actor: Actor, user_id: UUID) -> None:
        """Delete the user, and the personal data in notifications."""
        await self._users.change(actor, "DELETE", _path(user_id))


def _path(user_id: UUID) -> str:
    return f"/users/{user_id}"
