"""API views of preferences."""

import msgspec

from angarium.contracts.preferences import PreferencesView, QuietHoursBody
from angarium.contracts.users import Preferences


def preferences_view(preferences: Preferences) -> PreferencesView:
    """The body of all preferences."""
    hours = preferences.quiet_hours
    return PreferencesView(
        email=preferences.email,
        push=preferences.push,
        sms=preferences.sms,
        webhook=preferences.webhook,
        categories={name: msgspec.to_builtins(switches) for name, switches in preferences.categories.items()},
        quiet_hours=None if hours is None else QuietHoursBody(start=hours.start, end=hours.end),
    )
