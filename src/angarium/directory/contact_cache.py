"""How a contact stands in the shared cache, for who writes it and for who reads it."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from pydantic import ValidationError

from angarium.contracts.users import Contact

LIFE = timedelta(hours=1)
TOPIC = "users"
"""Rung with `tenant:user_id` when a user changes."""


class CachedContact(Contact):
    """A contact with the tenant that it belongs to: the JSON kept under `user:preferences:{user_id}`."""

    tenant: str


def key(user_id: UUID) -> str:
    """Where the contact of `user_id` is kept."""
    return f"user:preferences:{user_id}"


def encode(tenant: str, contact: Contact) -> bytes:
    """What is kept; the same contact gives the same bytes."""
    return CachedContact.model_construct(tenant=tenant, **dict(contact)).model_dump_json().encode()


def decode(tenant: str, kept: bytes | None) -> Contact | None:
    """The contact, if something readable is kept and it belongs to `tenant`."""
    if kept is None:
        return None
    try:
        values = dict(CachedContact.model_validate_json(kept))
    except ValidationError:
        return None
    return Contact.model_construct(**values) if values.pop("tenant") == tenant else None


def announcement(tenant: str, user_id: UUID) -> str:
    """The text that tells everyone that a user changed."""
    return f"{tenant}:{user_id}"


def announced(text: str) -> tuple[str, UUID] | None:
    """Who changed; None: anyone may have."""
    tenant, _, user_id = text.rpartition(":")
    try:
        return tenant, UUID(user_id)
    except ValueError:
        return None


def keys(user_ids: Sequence[UUID]) -> list[str]:
    """Where the contacts of `user_ids` are kept, in order."""
    return [key(user_id) for user_id in user_ids]
