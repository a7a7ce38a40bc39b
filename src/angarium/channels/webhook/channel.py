"""The webhook channel: its settings, providers and address check."""

from angarium.channels.kit import make_kit
from angarium.channels.port import ChannelEntry
from angarium.channels.webhook.address import addresses_of, check_address
from angarium.channels.webhook.providers.http import HttpProvider
from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit
from angarium.delivery.hosts import share_of_a_host
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Provider
from angarium.delivery.settings import WorkerSettings
from angarium.platform.http.guard.opening import open_posts
from angarium.platform.settings.groups import Port
from angarium.platform.settings.values import ProviderUrl

_PORT = 8006
_NOT_TAKEN = ("username", "password", "host", "port", "path")
"""Parts of a provider's URL that name a destination, which are refused since each message has its own URL."""


class Settings(WorkerSettings):
    """The webhook worker's settings."""

    port: Port = _PORT

    def uses_data_dir(self) -> bool:
        return super().uses_data_dir() or (self.callback_secret is None and not self.production)


def build_kit(settings: WorkerSettings, parts: ProviderParts) -> ChannelKit:
    """Build the channel's kit for the engine. Raises SettingsError."""

    def http(url: ProviderUrl) -> Provider:
        if any(getattr(url, name) for name in _NOT_TAKEN):
            raise ValueError("takes no host: each message has a URL of its own")
        unknown = [*url.options, *(["base_url"] if url.base_url is not None else [])]
        if unknown:
            raise ValueError(f"has an unknown parameter: {min(unknown)}")
        posts = open_posts(settings, parts.stack, parts.clock)
        if posts is None:
            raise SettingsError("ANGARIUM_CALLBACK_SECRET: must be set, since http:// signs with it")
        timeout = None if url.timeout is None else url.timeout.total_seconds()
        share = share_of_a_host(settings.worker_concurrency)
        return HttpProvider(posts, parts.clock, timeout=timeout, at_one_host=share)

    return make_kit(
        Channel.WEBHOOK, settings, parts, addresses_of=addresses_of, check_address=check_address, own={"http": http}
    )


WEBHOOK = ChannelEntry(
    channel=Channel.WEBHOOK,
    port=_PORT,
    schemes=frozenset({"http"}),
    settings=Settings,
    build_kit=build_kit,
    addresses_of=addresses_of,
    check_address=check_address,
)
