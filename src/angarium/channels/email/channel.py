"""The email channel: its settings, its providers, its address check."""

from functools import partial

from angarium.channels.email.address import addresses_of, check_address
from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.url import from_url
from angarium.channels.kit import make_kit
from angarium.channels.port import ChannelEntry
from angarium.contracts.addresses import email_address_in_full
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Provider
from angarium.delivery.settings import WorkerSettings
from angarium.platform.settings.groups import Port
from angarium.platform.settings.values import ProviderUrl

_PORT = 8003


class Settings(WorkerSettings):
    """The email worker's settings."""

    port: Port = _PORT


def build_kit(settings: WorkerSettings, parts: ProviderParts) -> ChannelKit:
    """The channel as the engine takes it. Raises SettingsError."""
    sender = Sender.parse(settings.email_from)

    def smtp(url: ProviderUrl) -> Provider:
        return from_url(url, sender=sender, clock=parts.clock, logger=parts.logger, fast_paths=settings.fast)

    check = check_address if settings.fast else partial(check_address, rule=email_address_in_full)
    return make_kit(
        Channel.EMAIL,
        settings,
        parts,
        addresses_of=addresses_of,
        check_address=check,
        own={"smtp": smtp},
        sender=settings.email_from,
    )


EMAIL = ChannelEntry(
    channel=Channel.EMAIL,
    port=_PORT,
    schemes=frozenset({"smtp"}),
    settings=Settings,
    build_kit=build_kit,
    addresses_of=addresses_of,
    check_address=check_address,
)
