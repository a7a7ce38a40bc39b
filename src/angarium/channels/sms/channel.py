"""The sms channel: its settings, its providers, its address check."""

from collections.abc import Callable

from angarium.channels.api import Api, ApiProvider, seconds_of
from angarium.channels.kit import make_kit
from angarium.channels.port import ChannelEntry
from angarium.channels.sms.address import addresses_of, check_address
from angarium.channels.sms.providers import twilio, vonage
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Provider
from angarium.delivery.providers.registry import Factory
from angarium.delivery.settings import WorkerSettings
from angarium.platform.http.api.opening import open_api_client
from angarium.platform.settings.groups import Port
from angarium.platform.settings.values import ProviderUrl

_PORT = 8005


class Settings(WorkerSettings):
    """The sms worker's settings."""

    port: Port = _PORT


def build_kit(settings: WorkerSettings, parts: ProviderParts) -> ChannelKit:
    """The channel as the engine takes it. Raises SettingsError."""
    client = open_api_client(parts.stack, parts.clock)

    def provider_of(make: Callable[..., Api]) -> Factory:
        def factory(url: ProviderUrl) -> Provider:
            api = make(url, clock=parts.clock)
            return ApiProvider(api, client, clock=parts.clock, logger=parts.logger, timeout=seconds_of(url))

        return factory

    own = {"twilio": provider_of(twilio.from_url), "vonage": provider_of(vonage.from_url)}
    return make_kit(Channel.SMS, settings, parts, addresses_of=addresses_of, check_address=check_address, own=own)


SMS = ChannelEntry(
    channel=Channel.SMS,
    port=_PORT,
    schemes=frozenset({"twilio", "vonage"}),
    settings=Settings,
    build_kit=build_kit,
    addresses_of=addresses_of,
    check_address=check_address,
)
