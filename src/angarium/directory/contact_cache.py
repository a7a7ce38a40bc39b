"""How a contact stands in the shared cache, for who writes it and for who reads it."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from angarium.contracts.users import Contact

LIFE = timedelta(hours=1)
TOPIC = "users"
"""Announced with `tenant:user_id` when a user changes."""
ANYONE = ""
"""Announced where it is not known who changed."""


class StoredContact(Contact, frozen=True, kw_only=True, gc=False):
    """A contact with the tenant that it belongs to and the version of the user that it shows.

    Its JSON is kept under `user:preferences:{user_id}`.
    """

    tenant: str
    version: int = 0


class _Head(msgspec.Struct):
    user_id: UUID = UUID(int=0)
    version: int = 0
    tenant: str = ""


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(StoredContact)
_HEAD_DECODER = msgspec.json.Decoder(_Head)


def key(user_id: UUID) -> str:
    """Where the contact of `user_id` is kept."""
    return f"user:preferences:{user_id}"


def encode(tenant: str, contact: Contact, version: int = 0) -> bytes:
    """What is kept; the same contact gives the same bytes."""
    fields = {name: getattr(contact, name) for name in Contact.__struct_fields__}
    return _ENCODER.encode(StoredContact(**fields, tenant=tenant, version=version))


def decode(tenant: str, kept: bytes | None) -> Contact | None:
    """The contact, if something readable is kept and it belongs to `tenant`."""
    if kept is None:
        return None
    try:
        stored = _DECODER.decode(kept)
    except ValueError:
        return None
    return plain(stored) if stored.tenant == tenant else None


def version_of(kept: bytes | None) -> int:
    """Which version of the user is kept; 0: none that could be read."""
    try:
        return _HEAD_DECODER.decode(kept or b"{}").version
    except ValueError:
        return 0


def user_of(document: bytes) -> UUID:
    """Whose contact it is, for what `encode` gave."""
    return _HEAD_DECODER.decode(document).user_id


def tenant_of(document: bytes) -> str:
    """Whose tenant's contact it is, for what `encode` gave."""
    return _HEAD_DECODER.decode(document).tenant


def plain(stored: StoredContact) -> Contact:
    """The contact alone."""
    return Contact(**{name: getattr(stored, name) for name in Contact.__struct_fields__})


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
