"""A user's wishes and how a change to them is merged in."""

from collections.abc import Mapping

import msgspec

from angarium.contracts.errors import Detail, ValidationFailed
from angarium.contracts.users import (
    ChannelSwitches,
    Preferences,
    PreferencesBody,
    PreferencesPatch,
    QuietHours,
    SwitchesBody,
)

_SWITCHES = ("email", "push", "sms")


def whole(body: PreferencesBody) -> Preferences:
    """The wishes that `body` says."""
    return msgspec.convert(body.model_dump(), Preferences)


def merged(old: Preferences, patch: PreferencesPatch, *, path: str = "") -> Preferences:
    """`old` with what `patch` names changed; categories are merged channel by channel (as RFC 7396 would).

    null takes a category's switch, the quiet hours or all categories away; a channel is on or off, never null.
    Raises ValidationFailed, whose fields begin with `path`.
    """
    named = patch.model_fields_set
    changes = {name: getattr(patch, name) for name in _SWITCHES if name in named}
    nulls = [name for name, value in changes.items() if value is None]
    if nulls:
        raise ValidationFailed(details=[Detail(f"{path}{name}", "must be true or false") for name in nulls])
    if "quiet_hours" in named:
        hours = patch.quiet_hours
        changes["quiet_hours"] = None if hours is None else QuietHours(start=hours.start, end=hours.end)
    if "categories" in named:
        changes["categories"] = _merged_categories(old.categories, patch.categories)
    return msgspec.structs.replace(old, **changes)


def _merged_categories(
    old: Mapping[str, ChannelSwitches], patch: Mapping[str, SwitchesBody] | None
) -> Mapping[str, ChannelSwitches]:
    if patch is None:
        return {}
    merged_ = dict(old)
    for category, switches in patch.items():
        named = {name: getattr(switches, name) for name in switches.model_fields_set}
        merged_[category] = msgspec.structs.replace(old.get(category, _UNSET), **named)
    return {category: switches for category, switches in merged_.items() if switches != _UNSET}


_UNSET = ChannelSwitches()
