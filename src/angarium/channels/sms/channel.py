"""The SMS channel: its settings, providers and address check."""

from dataclasses import replace

from angarium.channels.api import ApiProviders
from angarium.channels.kit import make_kit
from angarium.channels.port import ChannelEntry
from angarium.channels.sms.address import addresses_of, check_address
from angarium.channels.sms.gate import open_gate
from angarium.channels.sms.providers import twilio, vonage
from angarium.channels.sms.providers.twilio_events import can_verify
from angarium.channels.sms.sources import SOURCES
from angarium.channels.webhook_urls import webhook_urls
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit
from angarium.delivery.process import ProviderParts
from angarium.delivery.settings import WorkerSettings
from angarium.platform.settings.groups import Port
from angarium.platform.settings.values import ProviderUrl

_PORT = 8005


class Settings(WorkerSettings):
    """The sms worker's settings."""

    port: Port = _PORT


def build_kit(settings: WorkerSettings, parts: ProviderParts) -> ChannelKit:
    """Build the channel's kit for the engine. Raises SettingsError."""
    apis, clock = ApiProviders(parts), parts.clock
    callback = webhook_urls(settings, Channel.SMS)

    def from_twilio(url: ProviderUrl) -> twilio.TwilioApi:
        return twilio.from_url(url, clock=clock, status_callback=callback(url) if can_verify(url) else None)

    def from_vonage(url: ProviderUrl) -> vonage.VonageApi:
        # Without a key its webhooks are refused here, and the account may have another URL for them.
        return vonage.from_url(url, clock=clock, status_callback=callback(url) if url.webhook_key else None)

    kit = make_kit(
        Channel.SMS,
        settings,
        parts,
        addresses_of=addresses_of,
        check_address=check_address,
        own={"twilio": apis.factory(from_twilio), "vonage": apis.factory(from_vonage)},
        with_webhooks=SOURCES,
    )
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
