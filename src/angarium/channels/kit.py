"""Builds a channel's kit from its own providers and those for every channel."""

from collections.abc import Collection, Mapping
from functools import partial

from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit
from angarium.delivery.preparation import AddressesOf, CheckAddress
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Provider
from angarium.delivery.providers.installed import ProviderEntry
from angarium.delivery.providers.mailbox import MailboxProvider
from angarium.delivery.providers.registry import Factory, build_providers, describe_providers, of_no_place
from angarium.delivery.providers.sandbox import SandboxProvider
from angarium.delivery.settings import WorkerSettings
from angarium.platform.settings.values import ProviderUrl

EVERYWHERE = frozenset({"mailbox", "sandbox"})
"""The schemes of providers for every channel."""


def make_kit(
    channel: Channel,
    settings: WorkerSettings,
    parts: ProviderParts,
    *,
    addresses_of: AddressesOf,
    check_address: CheckAddress,
    own: Mapping[str, Factory],
    with_webhooks: Collection[str] = (),
    sender: str = "",
) -> ChannelKit:
    """Build the channel's kit for the engine; `own`: its providers by scheme. Raises SettingsError.

    `with_webhooks`: the schemes of providers that report through webhooks. Providers from other packages can be
    configured too.

    `sender` is shown as the sender in the mailbox.
    """
    factories: Mapping[str, Factory] = {
        **_installed(channel, parts),
        **own,
        "mailbox": of_no_place(lambda timeout: MailboxProvider(parts.gateway, sender=sender, timeout=timeout)),
        "sandbox": of_no_place(lambda timeout: SandboxProvider(parts.clock, timeout=timeout)),
    }
    variable = f"ANGARIUM_{channel.upper()}_PROVIDERS"
    urls = settings.providers(channel)
    providers = build_providers(
        urls, factories, variable=variable, production=settings.production, with_webhooks=with_webhooks
    )
    return ChannelKit(channel, providers, addresses_of, check_address, describe_providers(channel, urls))


def _installed(channel: Channel, parts: ProviderParts) -> Mapping[str, Factory]:
    """The factories of providers from other packages for `channel`, by scheme."""
    return {
        scheme: partial(_build, entry, parts) for scheme, entry in parts.installed.items() if channel in entry.channels
    }


def _build(entry: ProviderEntry, parts: ProviderParts, url: ProviderUrl) -> Provider:
    return entry.build(url, parts)
