"""The sms channel: its settings, its providers, its address check."""

from angarium.channels.sms.address import check_address
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit
from angarium.delivery.process import ProviderParts
from angarium.delivery.providers.mailbox import MailboxProvider
from angarium.delivery.providers.registry import Factory, build_providers, without_parameters
from angarium.delivery.providers.sandbox import SandboxProvider
from angarium.delivery.settings import WorkerSettings
from angarium.platform.settings.groups import Port


class Settings(WorkerSettings):
    """The sms worker's settings."""

    port: Port = 8005


def build_kit(settings: WorkerSettings, parts: ProviderParts) -> ChannelKit:
    """The channel as the engine takes it. Raises SettingsError."""
    factories: dict[str, Factory] = {
        "mailbox": without_parameters(lambda: MailboxProvider(parts.gateway)),
        "sandbox": without_parameters(SandboxProvider),
    }
    providers = build_providers(settings.sms_providers, factories, variable="ANGARIUM_SMS_PROVIDERS")
    return ChannelKit(Channel.SMS, providers, check_address)
