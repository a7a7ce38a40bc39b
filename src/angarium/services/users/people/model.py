"""A person and the devices that reach them, as the service keeps them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from angarium.contracts.users import Platform, Preferences

Token = str | dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where a push can arrive. `is_push_token`: the one device that `push_token` names."""

    device_id: UUID
    platform: Platform
    token: Token = field(repr=False)
    name: str | None
    is_push_token: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user with everything that belongs to them. `version` counts the changes; devices are oldest first."""

    user_id: UUID
    tenant: str
    name: str = field(repr=False)
    email: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    password_hash: str | None = field(repr=False)
    preferences: Preferences
    locale: str | None
    timezone: str | None
    metadata: dict[str, Any] = field(repr=False)
    created_at: datetime
    updated_at: datetime
    webhook: str | None = field(default=None, repr=False)
    version: int = 1
    devices: tuple[Device, ...] = ()

    @property
    def push_token(self) -> str | None:
        """The token of the device that `push_token` names."""
        for device in self.devices:
            if device.is_push_token and isinstance(device.token, str):
                return device.token
        return None

    @property
    def reachable(self) -> bool:
        """Whether any channel leads to this person."""
        return bool(self.email or self.phone or self.webhook or self.devices)
