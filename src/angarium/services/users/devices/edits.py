"""What may be done with a person's devices, computed without storing anything."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from angarium.contracts.errors import Conflict, NotFound, ValidationFailed
from angarium.contracts.fields import storable
from angarium.contracts.users import DeviceCreate, Platform
from angarium.services.users.people.addresses import printable_token
from angarium.services.users.people.model import Device, Person, Token

MAX_DEVICES = 50
SUBSCRIPTION_BYTES = 4096


class DeviceNotFound(NotFound):
    """Device not found"""


def checked_token(body: DeviceCreate) -> Token:
    """The token of `body` in the shape that its platform needs. Raises ValidationFailed."""
    try:
        if isinstance(body.token, str):
            return _plain(body.platform, body.token)
        return _subscription(body.platform, body.token)
    except ValueError as error:
        raise ValidationFailed.of("token", str(error)) from None


def with_device(person: Person, device: Device) -> Person:
    """`person` with `device` too; one with the same platform and token is kept and takes the new name.

    Raises Conflict beyond 50 devices.
    """
    same = find_device(person, device.platform, device.token)
    if same is not None:
        return _exchanged(person, same, replace(same, name=device.name or same.name))
    if len(person.devices) >= MAX_DEVICES:
        raise Conflict(f"A user may have at most {MAX_DEVICES} devices")
    return replace(person, devices=(*person.devices, device))


def without_device(person: Person, device_id: UUID) -> Person:
    """`person` without that device. Raises DeviceNotFound."""
    left = tuple(device for device in person.devices if device.device_id != device_id)
    if len(left) == len(person.devices):
        raise DeviceNotFound
    return replace(person, devices=left)


def with_push_token(person: Person, token: str | None, *, device_id: UUID, now: datetime) -> Person:
    """`person` whose `push_token` is `token`: its device is made, exchanged or, for None, taken away.

    A device that was registered with this very token becomes the one that `push_token` stands for.
    """
    if token == person.push_token:
        return person
    rest = replace(person, devices=tuple(device for device in person.devices if not device.is_push_token))
    if token is None:
        return rest
    same = find_device(rest, "fcm", token)
    if same is not None:
        return _exchanged(rest, same, replace(same, is_push_token=True))
    device = Device(device_id=device_id, platform="fcm", token=token, name=None, is_push_token=True, created_at=now)
    return replace(rest, devices=(*rest.devices, device))


def find_device(person: Person, platform: Platform, token: Token) -> Device | None:
    """The device that is registered with this token."""
    for device in person.devices:
        if device.platform == platform and device.token == token:
            return device
    return None


def _exchanged(person: Person, old: Device, new: Device) -> Person:
    return replace(person, devices=tuple(new if device is old else device for device in person.devices))


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
