"""Changes of preferences from the preference page and one-click unsubscription."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from angarium.contracts.statuses import Channel
from angarium.contracts.users import ChannelSwitches, Preferences

_SWITCHES = tuple(channel.value for channel in Channel)
_UNSET = ChannelSwitches()


@dataclass(frozen=True, slots=True)
class Choice:
    """A submitted form: the enabled channels, and those of each shown category.

    `linked`: the category of the link; others are ignored unless the person already has them.
    """

    channels: frozenset[str]
    categories: Mapping[str, frozenset[str]]
    linked: str | None = None


def chosen(old: Preferences, choice: Choice, mandatory: Collection[str]) -> Preferences:
    """Apply the form to `old`; quiet hours, mandatory categories and those that were not shown do not change."""
    categories = dict(old.categories)
    for category, ticked in choice.categories.items():
        if category not in mandatory and (category in old.categories or category == choice.linked):
            categories[category] = ChannelSwitches(**{name: None if name in ticked else False for name in _SWITCHES})
    kept = {category: switches for category, switches in categories.items() if switches != _UNSET}
    channels = {name: name in choice.channels for name in _SWITCHES}
    return msgspec.structs.replace(old, categories=kept, **channels)


def switched_off(channel: Channel) -> ChannelSwitches:
    """Disable one channel."""
    return ChannelSwitches(**{channel.value: False})


def without(old: Preferences, channel: Channel, category: str | None) -> Preferences:
    """Disable the category on the channel, or the whole channel, in `old`."""
    if category is None:
        return msgspec.structs.replace(old, **{channel.value: False})
    before = old.categories.get(category, _UNSET)
    after = msgspec.structs.replace(before, **{channel.value: False})
    return msgspec.structs.replace(old, categories={**old.categories, category: after})
