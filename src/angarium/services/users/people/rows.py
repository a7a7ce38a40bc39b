"""Conversion between rows of `users_db` and persons."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from angarium.contracts.users import Preferences
from angarium.services.users.people.addresses import key_of_email
from angarium.services.users.people.contact import contact_document
from angarium.services.users.people.model import Device, Person, Token

Row = Mapping[str, Any]


def person_row(person: Person) -> dict[str, Any]:
    """The row of `users` for `person`."""
    return {
        "user_id": person.user_id,
        "tenant": person.tenant,
        "name": person.name,
        "email": person.email,
        "email_key": key_of_email(person.email) if person.email is not None else None,
        "phone": person.phone,
        "webhook": person.webhook,
        "password_hash": person.password_hash,
        "preferences": msgspec.to_builtins(person.preferences),
        "locale": person.locale,
        "timezone": person.timezone,
        "metadata": person.metadata,
        "version": person.version,
        "contact": contact_document(person).decode(),
        "contact_version": person.version,
        "created_at": person.created_at,
        "updated_at": person.updated_at,
    }


def device_row(user_id: UUID, device: Device) -> dict[str, Any]:
    """The row of `devices` for `device`."""
    return {
        "device_id": device.device_id,
        "user_id": user_id,
        "platform": device.platform,
        "token": device.token,
        "token_hash": token_hash(device.token),
        "name": device.name,
        "is_push_token": device.is_push_token,
        "created_at": device.created_at,
    }


def token_hash(token: Token) -> str:
    """A hash of the token that is independent of the order of a subscription's members."""
    return hashlib.sha256(msgspec.json.encode(token, order="sorted")).hexdigest()


def to_person(row: Row, devices: Iterable[Row]) -> Person:
    """Build a person from its rows."""
    return Person(
        user_id=row["user_id"],
        tenant=row["tenant"],
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        webhook=row["webhook"],
        password_hash=row["password_hash"],
        preferences=msgspec.convert(row["preferences"], Preferences),
        locale=row["locale"],
        timezone=row["timezone"],
        metadata=row["metadata"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        devices=tuple(_to_device(device) for device in devices),
    )


def _to_device(row: Row) -> Device:
    return Device(
        device_id=row["device_id"],
        platform=row["platform"],
        token=row["token"],
        name=row["name"],
        is_push_token=row["is_push_token"],
        created_at=row["created_at"],
    )
