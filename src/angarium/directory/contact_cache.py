"""The format of contacts in the shared cache."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from angarium.contracts.users import Contact

LIFE = timedelta(hours=1)
TOPIC = "users"
"""Announced with `tenant:user_id` when a user changes."""
ANYONE = ""
"""Announced if any user may have changed."""


class StoredContact(Contact, frozen=True, kw_only=True, gc=False):
    """A contact with its tenant and the user's version.

    Stored as JSON under `user:preferences:{user_id}`.
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
    """The cache key of a user's contact."""
    return f"user:preferences:{user_id}"


def encode(tenant: str, contact: Contact, version: int = 0) -> bytes:
    """Encode a contact. Equal contacts have equal bytes."""
    fields = {name: getattr(contact, name) for name in Contact.__struct_fields__}
    return _ENCODER.encode(StoredContact(**fields, tenant=tenant, version=version))


def decode(tenant: str, kept: bytes | None) -> Contact | None:
    """Decode a contact; None if it is unreadable or belongs to another tenant."""
    if kept is None:
        return None
    try:
        stored = _DECODER.decode(kept)
    except ValueError:
        return None
    return plain(stored) if stored.tenant == tenant else None


def version_of(kept: bytes | None) -> int:
    """The user's version in a stored document; 0 if it is unreadable."""
    try:
        return _HEAD_DECODER.decode(kept or b"{}").version
    except ValueError:
        return 0


def user_of(document: bytes) -> UUID:
    """The user of an encoded contact."""
    return _HEAD_DECODER.decode(document).user_id


def tenant_of(document: bytes) -> str:
    """The tenant of an encoded contact."""
    return _HEAD_DECODER.decode(document).tenant


def plain(stored: StoredContact) -> Contact:
    """The contact without tenant and version."""
    return Contact(**{name: getattr(stored, name) for name in Contact.__struct_fields__})


def announcement(tenant: str, user_id: UUID) -> str:
    """The announcement that a user changed."""
    return f"{tenant}:{user_id}"


def announced(text: str) -> tuple[str, UUID] | None:
    """The tenant and user of an announcement; None: any user may have changed."""
    tenant, _, user_id = text.rpartition(":")
    try:
        return tenant, UUID(user_id)
    except ValueError:
        return None


def keys(user_ids: Sequence[UUID]) -> list[str]:
    """The cache keys of the contacts of `user_ids`, in order."""
    return [key(user_id) for user_id in user_ids]
