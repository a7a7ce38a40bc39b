"""The webhooks of every configured provider."""

from collections.abc import Mapping

from angarium.channels.email.sources import SOURCES as EMAIL
from angarium.channels.push.sources import SOURCES as PUSH
from angarium.channels.receiving import Fetch, ReceiptSource, SourceFactory, SourceParts
from angarium.channels.sms.sources import SOURCES as SMS
from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.providers.registry import describe_providers
from angarium.delivery.settings import ProviderSettings
from angarium.platform.clock import Clock

SOURCES: Mapping[Channel, Mapping[str, SourceFactory]] = {Channel.EMAIL: EMAIL, Channel.PUSH: PUSH, Channel.SMS: SMS}


def build_sources(settings: ProviderSettings, clock: Clock, fetch: Fetch) -> Mapping[str, ReceiptSource]:
    """The source of each provider that has webhooks, by its name. Raises SettingsError, which shows no key."""
    built: dict[str, ReceiptSource] = {}
    for channel, factories in SOURCES.items():
        variable, urls = f"ANGARIUM_{channel.upper()}_PROVIDERS", settings.providers(channel)
        for url, configured in zip(urls, describe_providers(channel, urls), strict=True):
            factory = factories.get(url.scheme)
            if factory is None:
                continue
            if configured.name in built:
                raise SettingsError(f"{variable}: two providers with webhooks are named {configured.name}")
            try:
                built[configured.name] = factory(url, SourceParts(configured.name, clock, fetch))
            except ValueError as error:
                raise SettingsError(f"{variable}: {url.scheme}:// {error}") from None
    return built
