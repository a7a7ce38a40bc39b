"""Pure functions that change a person's devices."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from angarium.contracts.errors import Conflict, NotFound, ValidationFailed
from angarium.contracts.fields import storable
from angarium.contracts.users import DeviceCreate, Platform
from angarium.services.users.people.addresses import printable_token
from angarium.services.users.people.model import Device, Person, Token
from angarium.services.users.people.push_token import exchanged, find_device

MAX_DEVICES = 50
SUBSCRIPTION_BYTES = 4096


class DeviceNotFound(NotFound):
    """Device not found"""


def checked_token(body: DeviceCreate) -> Token:
    """Validate the token of `body` for its platform. Raises ValidationFailed."""
    try:
        if isinstance(body.token, str):
            return _plain(body.platform, body.token)
        return _subscription(body.platform, body.token)
    except ValueError as error:
        raise ValidationFailed.of("token", str(error)) from None


def with_device(person: Person, device: Device) -> Person:
    """Add `device` to `person`; an existing one with the same platform and token is kept and gets the new name.

    Raises Conflict beyond 50 devices.
    """
    same = find_device(person, device.platform, device.token)
    if same is not None:
        return exchanged(person, same, replace(same, name=device.name or same.name))
    if len(person.devices) >= MAX_DEVICES:
        raise Conflict(f"A user may have at most {MAX_DEVICES} devices")
    return replace(person, devices=(*person.devices, device))


def without_device(person: Person, device_id: UUID) -> Person:
    """Remove a device from `person`. Raises DeviceNotFound."""
    left = tuple(device for device in person.devices if device.device_id != device_id)
    if len(left) == len(person.devices):
        raise DeviceNotFound
    return replace(person, devices=left)


def _plain(platform: Platform, token: str) -> str:
    if platform == "webpush":
        message = "must be the browser's subscription object"
        raise ValueError(message)
    return printable_token(token)


def _subscription(platform: Platform, token: dict[str, Any]) -> dict[str, Any]:
    if platform != "webpush":
        message = "must be a string"
        raise ValueError(message)
    endpoint, keys = token.get("endpoint"), token.get("keys")
    if not isinstance(endpoint, str) or not isinstance(keys, dict) or not {"p256dh", "auth"} <= keys.keys():
        message = "must be a subscription with endpoint, keys.p256dh and keys.auth"
        raise ValueError(message)
    if len(msgspec.json.encode(storable(token))) > SUBSCRIPTION_BYTES:
        message = f"must be at most {SUBSCRIPTION_BYTES} bytes of JSON"
        raise ValueError(message)
    return token
