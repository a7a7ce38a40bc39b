"""The webhooks of every configured provider."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from angarium.channels.email.sources import SOURCES as EMAIL
from angarium.channels.push.sources import SOURCES as PUSH
from angarium.channels.receiving import Fetch, NotSigned, Posted, Read, ReceiptSource, SourceFactory, SourceParts
from angarium.channels.sms.sources import SOURCES as SMS
from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.providers.registry import describe_providers
from angarium.delivery.settings import ProviderSettings
from angarium.platform.clock import Clock

SOURCES: Mapping[Channel, Mapping[str, SourceFactory]] = {Channel.EMAIL: EMAIL, Channel.PUSH: PUSH, Channel.SMS: SMS}


class FirstThatVerifies:
    """The webhooks of several providers at one URL: the first provider that verifies a request reads it."""

    def __init__(self, sources: Sequence[ReceiptSource]) -> None:
        self._sources = sources

    async def read(self, posted: Posted) -> Read:
        for source in self._sources:
            try:
                return await source.read(posted)
            except NotSigned:
                continue
        raise NotSigned


def build_sources(settings: ProviderSettings, clock: Clock, fetch: Fetch) -> Mapping[str, ReceiptSource]:
    """Build the source of each provider with webhooks, by name. Raises SettingsError, which shows no key.

    A scheme that is not a provider's name selects all providers with that scheme.
    """
    built: dict[str, ReceiptSource] = {}
    schemes: defaultdict[str, list[ReceiptSource]] = defaultdict(list)
    for channel, factories in SOURCES.items():
        variable, urls = f"ANGARIUM_{channel.upper()}_PROVIDERS", settings.providers(channel)
        for url, configured in zip(urls, describe_providers(channel, urls), strict=True):
            factory = factories.get(url.scheme)
            if factory is None:
                continue
            if configured.name in built:
                raise SettingsError(f"{variable}: two providers with webhooks are named {configured.name}")
            try:
                source = factory(url, SourceParts(configured.name, clock, fetch))
            except ValueError as error:
                raise SettingsError(f"{variable}: {url.scheme}:// {error}") from None
            built[configured.name] = source
            schemes[url.scheme].append(source)
    return {scheme: FirstThatVerifies(sources) for scheme, sources in schemes.items()} | built
