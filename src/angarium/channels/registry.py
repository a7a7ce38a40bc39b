"""The registry of channels: each has a folder beside this file and a line in it."""

from collections.abc import Mapping
from types import MappingProxyType

from angarium.channels.email.channel import EMAIL
from angarium.channels.kit import EVERYWHERE
from angarium.channels.port import ChannelEntry
from angarium.channels.push.channel import PUSH
from angarium.channels.sms.channel import SMS
from angarium.channels.webhook.channel import WEBHOOK
from angarium.contracts.statuses import Channel

CHANNELS: Mapping[Channel, ChannelEntry] = MappingProxyType(
    {entry.channel: entry for entry in (EMAIL, PUSH, SMS, WEBHOOK)}
)
"""Every channel by name, in display order."""
OWN_SCHEMES = EVERYWHERE.union(*(entry.schemes for entry in CHANNELS.values()))
"""The built-in schemes, which providers from other packages must not use."""
