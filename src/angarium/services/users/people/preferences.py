"""A user's wishes and how a change to them is merged in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from angarium.contracts.errors import Detail, ValidationFailed
from angarium.contracts.preferences import PreferencesPatch, SwitchesBody
from angarium.contracts.statuses import Channel
from angarium.contracts.users import ChannelSwitches, Preferences, QuietHours

_SWITCHES = tuple(channel.value for channel in Channel)
_UNSET = ChannelSwitches()


def merged(old: Preferences, patch: PreferencesPatch, *, path: str = "") -> Preferences:
    """`old` with what `patch` names changed; categories are merged channel by channel (as RFC 7396 would).

    null removes a category's switch, a category, all categories or the quiet hours; a channel is on or off, never null.
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


def check_mandatory(
    categories: Mapping[str, ChannelSwitches] | Mapping[str, SwitchesBody | None] | None,
    mandatory: Collection[str],
    *,
    path: str = "",
) -> None:
    """Raise ValidationFailed if a mandatory category is switched off somewhere."""
    details = [
        Detail(f"{path}categories.{category}.{channel}", "cannot be switched off")
        for category, switches in (categories or {}).items()
        if category in mandatory
        for channel in _SWITCHES
        if getattr(switches, channel, None) is False
    ]
    if details:
        raise ValidationFailed(details=details)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a form was sent with: the channels that are on, and for each category that was shown those that are.

    `linked`: the category of the link; others count only if the person has them already.
    """

    channels: frozenset[str]
    categories: Mapping[str, frozenset[str]]
    linked: str | None = None


def chosen(old: Preferences, choice: Choice, mandatory: Collection[str]) -> Preferences:
    """`old` as the form says; quiet hours, mandatory categories and those that were not shown stay."""
    categories = dict(old.categories)
    for category, ticked in choice.categories.items():
        if category not in mandatory and (category in old.categories or category == choice.linked):
            categories[category] = ChannelSwitches(**{name: None if name in ticked else False for name in _SWITCHES})
    kept = {category: switches for category, switches in categories.items() if switches != _UNSET}
    channels = {name: name in choice.channels for name in _SWITCHES}
    return msgspec.structs.replace(old, categories=kept, **channels)


def switched_off(channel: Channel) -> ChannelSwitches:
    """One channel off."""
    return ChannelSwitches(**{channel.value: False})


def without(old: Preferences, channel: Channel, category: str | None) -> Preferences:
    """`old` without the category on the channel, or without the channel."""
    if category is None:
        return msgspec.structs.replace(old, **{channel.value: False})
    before = old.categories.get(category, _UNSET)
    after = msgspec.structs.replace(before, **{channel.value: False})
    return msgspec.structs.replace(old, categories={**old.categories, category: after})


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
