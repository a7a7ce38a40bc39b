"""The email channel: its settings, its providers, its address check."""

from functools import partial

from angarium.channels.email.address import check_address
from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.url import from_url
from angarium.contracts.addresses import email_address_in_full
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Provider
from angarium.delivery.providers.mailbox import MailboxProvider
from angarium.delivery.providers.registry import Factory, build_providers, without_parameters
from angarium.delivery.providers.sandbox import SandboxProvider
from angarium.delivery.settings import WorkerSettings
from angarium.platform.settings.groups import Port
from angarium.platform.settings.values import ProviderUrl


class Settings(WorkerSettings):
    """The email worker's settings."""

    port: Port = 8003


def build_kit(settings: WorkerSettings, parts: ProviderParts) -> ChannelKit:
    """The channel as the engine takes it. Raises SettingsError."""
    sender = Sender.parse(settings.email_from)

    def smtp(url: ProviderUrl) -> Provider:
        return from_url(url, sender=sender, clock=parts.clock, logger=parts.logger, fast_paths=settings.fast)

    factories: dict[str, Factory] = {
        "smtp": smtp,
        "mailbox": without_parameters(lambda: MailboxProvider(parts.gateway, sender=settings.email_from)),
        "sandbox": without_parameters(SandboxProvider),
    }
    providers = build_providers(settings.email_providers, factories, variable="ANGARIUM_EMAIL_PROVIDERS")
    check = check_address if settings.fast else partial(check_address, rule=email_address_in_full)
    return ChannelKit(Channel.EMAIL, providers, check)
