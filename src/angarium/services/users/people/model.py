"""Persons and their devices."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from angarium.contracts.users import Platform, Preferences

Token = str | dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that receives pushes. `is_push_token`: the device of `push_token`."""

    device_id: UUID
    platform: Platform
    token: Token = field(repr=False)
    name: str | None
    is_push_token: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user with all of their data. `version` counts changes; devices are oldest first."""

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
        """The token of the `push_token` device."""
        for device in self.devices:
            if device.is_push_token and isinstance(device.token, str):
                return device.token
        return None

    @property
    def reachable(self) -> bool:
        """Whether any channel can reach this person."""
        return bool(self.email or self.phone or self.webhook or self.devices)
