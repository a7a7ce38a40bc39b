"""The push channel: its settings, providers and address check."""

from angarium.channels.kit import make_kit
from angarium.channels.port import ChannelEntry
from angarium.channels.push.address import addresses_of, check_address
from angarium.channels.push.providers.making import SCHEMES, factories
from angarium.channels.push.sources import SOURCES
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit
from angarium.delivery.process import ProviderParts
from angarium.delivery.settings import WorkerSettings
from angarium.platform.settings.groups import Port

_PORT = 8004


class Settings(WorkerSettings):
    """The push worker's settings."""

    port: Port = _PORT


def build_kit(settings: WorkerSettings, parts: ProviderParts) -> ChannelKit:
    """Build the channel's kit for the engine. Raises SettingsError."""
    own = factories(settings, parts)
    return make_kit(
        Channel.PUSH,
        settings,
        parts,
        addresses_of=addresses_of,
        check_address=check_address,
        own=own,
        with_webhooks=SOURCES,
    )


PUSH = ChannelEntry(
    channel=Channel.PUSH,
    port=_PORT,
    schemes=SCHEMES,
    settings=Settings,
    build_kit=build_kit,
    addresses_of=addresses_of,
    check_address=check_address,
)
