"""The contact of a person, which other services read before a send."""

from angarium.contracts.users import Contact, ContactDevice
from angarium.directory import contact_cache
from angarium.services.users.people.model import Person


def contact(person: Person) -> Contact:
    """Addresses, devices and preferences of a person."""
    return Contact(
        user_id=person.user_id,
        name=person.name,
        email=person.email,
        phone=person.phone,
        devices=[ContactDevice(device_id=d.device_id, platform=d.platform, token=d.token) for d in person.devices],
        locale=person.locale,
        timezone=person.timezone,
        preferences=person.preferences,
        webhook=person.webhook,
    )


def contact_document(person: Person) -> bytes:
    """The encoded contact, as stored in the row and the cache and read by other services."""
    return contact_cache.encode(person.tenant, contact(person), person.version)
