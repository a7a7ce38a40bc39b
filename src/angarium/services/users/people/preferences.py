"""Merging of changes into preferences."""

from collections.abc import Collection, Mapping

import msgspec

from angarium.contracts.errors import Detail, ValidationFailed
from angarium.contracts.preferences import PreferencesPatch, SwitchesBody
from angarium.contracts.statuses import Channel
from angarium.contracts.users import ChannelSwitches, Preferences, QuietHours

_SWITCHES = tuple(channel.value for channel in Channel)
_UNSET = ChannelSwitches()


def merged(old: Preferences, patch: PreferencesPatch, *, path: str = "") -> Preferences:
    """Apply the given fields of `patch` to `old`; categories are merged by channel (as in RFC 7396).

    null removes a category's switch, a category, all categories or the quiet hours; a channel is true or false, never
    null. Raises ValidationFailed, whose fields begin with `path`.
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


def check_mandatory(
    categories: Mapping[str, ChannelSwitches] | Mapping[str, SwitchesBody | None] | None,
    mandatory: Collection[str],
    *,
    path: str = "",
) -> None:
    """Raise ValidationFailed if a mandatory category is disabled on a channel."""
    details = [
        Detail(f"{path}categories.{category}.{channel}", "cannot be switched off")
        for category, switches in (categories or {}).items()
        if category in mandatory
        for channel in _SWITCHES
        if getattr(switches, channel, None) is False
    ]
    if details:
        raise ValidationFailed(details=details)


def _merged_categories(
    old: Mapping[str, ChannelSwitches], patch: Mapping[str, SwitchesBody | None] | None
) -> Mapping[str, ChannelSwitches]:
    if patch is None:
        return {}
    merged_ = dict(old)
    for category, switches in patch.items():
        if switches is None:
            merged_.pop(category, None)
            continue
        named = {name: getattr(switches, name) for name in switches.model_fields_set}
        merged_[category] = msgspec.structs.replace(old.get(category, _UNSET), **named)
    return {category: switches for category, switches in merged_.items() if switches != _UNSET}
