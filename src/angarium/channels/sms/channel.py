"""The sms channel: its settings, its providers, its address check."""

from dataclasses import replace

from angarium.channels.api import ApiProviders
from angarium.channels.kit import make_kit
from angarium.channels.port import ChannelEntry
from angarium.channels.sms.address import addresses_of, check_address
from angarium.channels.sms.gate import open_gate
from angarium.channels.sms.providers import twilio, vonage
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit
from angarium.delivery.process import ProviderParts
from angarium.delivery.settings import WorkerSettings
from angarium.platform.settings.groups import Port

_PORT = 8005


class Settings(WorkerSettings):
    """The sms worker's settings."""

    port: Port = _PORT


def build_kit(settings: WorkerSettings, parts: ProviderParts) -> ChannelKit:
    """The channel as the engine takes it. Raises SettingsError."""
    apis, clock = ApiProviders(parts), parts.clock
    own = {
        "twilio": apis.factory(lambda url: twilio.from_url(url, clock=clock)),
        "vonage": apis.factory(lambda url: vonage.from_url(url, clock=clock)),
    }
    kit = make_kit(Channel.SMS, settings, parts, addresses_of=addresses_of, check_address=check_address, own=own)
    return replace(kit, gate=open_gate(settings, parts))


SMS = ChannelEntry(
    channel=Channel.SMS,
    port=_PORT,
    schemes=frozenset({"twilio", "vonage"}),
    settings=Settings,
    build_kit=build_kit,
    addresses_of=addresses_of,
    check_address=check_address,
)
