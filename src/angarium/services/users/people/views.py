"""A person as the API and the other services see them."""

import msgspec

from angarium.contracts.preferences import PreferencesView, QuietHoursBody
from angarium.contracts.statuses import Channel
from angarium.contracts.users import Contact, ContactDevice, DeviceView, Preferences, PreferenceSwitches, UserView
from angarium.services.users.people.model import Device, Person


def user_view(person: Person) -> UserView:
    """The body of a user; never the password."""
    wishes = person.preferences
    return UserView(
        user_id=person.user_id,
        id=person.user_id,
        name=person.name,
        email=person.email,
        phone=person.phone,
        push_token=person.push_token,
        webhook=person.webhook,
        preferences=PreferenceSwitches(**{channel.value: getattr(wishes, channel) for channel in Channel}),
        locale=person.locale,
        timezone=person.timezone,
        metadata=person.metadata,
        created_at=person.created_at,
        updated_at=person.updated_at,
    )


def preferences_view(preferences: Preferences) -> PreferencesView:
    """The whole wishes."""
    hours = preferences.quiet_hours
    return PreferencesView(
        email=preferences.email,
        push=preferences.push,
        sms=preferences.sms,
        webhook=preferences.webhook,
        categories={name: msgspec.to_builtins(switches) for name, switches in preferences.categories.items()},
        quiet_hours=None if hours is None else QuietHoursBody(start=hours.start, end=hours.end),
    )


def device_view(device: Device) -> DeviceView:
    """The body of a device."""
    return DeviceView(
        device_id=device.device_id,
        platform=device.platform,
        token=device.token,
        name=device.name,
        created_at=device.created_at,
    )


def contact(person: Person) -> Contact:
    """What a send needs to know."""
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
