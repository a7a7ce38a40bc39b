"""Preferences as people choose them on the preference page, or with one click in a mail."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from angarium.contracts.statuses import Channel
from angarium.contracts.users import ChannelSwitches, Preferences

_SWITCHES = tuple(channel.value for channel in Channel)
_UNSET = ChannelSwitches()


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
