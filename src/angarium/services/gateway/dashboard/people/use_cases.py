"""Use cases of users on the dashboard: find, get, change preferences, remove a device, erase."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from angarium.platform.auth.caller import Caller
from angarium.services.gateway.audit.store import Actor
from angarium.services.gateway.dashboard.services import LIMIT, JsonObject, Listed, Service


@dataclass(frozen=True, slots=True)
class Person:
    """A user with preferences and devices. `etag` is the entity tag of the preferences."""

    user: JsonObject
    preferences: JsonObject
    devices: Sequence[JsonObject]
    etag: str | None


class People:
    """Manages a tenant's users through the users service. Methods raise the errors of `Service`."""

    def __init__(self, users: Service) -> None:
        self._users = users

    async def find(self, caller: Caller, search: str, cursor: str | None) -> Listed:
        """A page of the users, newest first. `search` is part of the name, email or phone; empty: all users."""
        return await self._users.list(caller, "/users", {"search": search, "cursor": cursor, "limit": LIMIT})

    async def get(self, caller: Caller, user_id: UUID) -> Person:
        """One user with preferences and at most 100 devices."""
        path = _path(user_id)
        user = await self._users.get(caller, path)
        preferences = await self._users.get_tagged(caller, f"{path}/preferences")
        devices = await self._users.list(caller, f"{path}/devices", {"limit": 100})
        return Person(user, preferences.value, devices.rows, preferences.etag)

    async def change_preferences(self, actor: Actor, user_id: UUID, patch: JsonObject, etag: str) -> None:
        """Apply `patch` (JSON merge patch). Raises PreconditionFailed if the user has changed since `etag`."""
        await self._users.change(actor, "PATCH", f"{_path(user_id)}/preferences", patch, etag=etag)

    async def remove_device(self, actor: Actor, user_id: UUID, device_id: UUID) -> None:
        """Delete a device of a user."""
        await self._users.change(actor, "DELETE", f"{_path(user_id)}/devices/{device_id}")

    async def erase(self, actor: Actor, user_id: UUID) -> None:
        """Delete the user, and their personal data in notifications."""
        await self._users.change(actor, "DELETE", _path(user_id))


def _path(user_id: UUID) -> str:
    return f"/users/{user_id}"
