"""The device behind the `push_token` of a user body."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from angarium.contracts.users import Platform
from angarium.services.users.people.model import Device, Person, Token


def with_push_token(person: Person, token: str | None, *, device_id: UUID, now: datetime) -> Person:
    """Set `push_token` of `person` to `token`: its device is created, replaced or, for None, removed.

    A device already registered with this token becomes the `push_token` device.
    """
    if token == person.push_token:
        return person
    rest = replace(person, devices=tuple(device for device in person.devices if not device.is_push_token))
    if token is None:
        return rest
    same = find_device(rest, "fcm", token)
    if same is not None:
        return exchanged(rest, same, replace(same, is_push_token=True))
    device = Device(device_id=device_id, platform="fcm", token=token, name=None, is_push_token=True, created_at=now)
    return replace(rest, devices=(*rest.devices, device))


def find_device(person: Person, platform: Platform, token: Token) -> Device | None:
    """The device registered with this token."""
    for device in person.devices:
        if device.platform == platform and device.token == token:
            return device
    return None


def exchanged(person: Person, old: Device, new: Device) -> Person:
    """Replace `old` by `new` in `person`."""
    return replace(person, devices=tuple(new if device is old else device for device in person.devices))
