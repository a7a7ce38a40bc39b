"""The settings of the gateway."""

from angarium.contracts.statuses import Channel
from angarium.platform.settings.settings import (
    AuthSettings,
    BrokerSettings,
    CacheSettings,
    CallbackSettings,
    DirectorySettings,
    MailboxSettings,
    NotificationsDatabaseSettings,
    Port,
    ProviderSettings,
    RetentionSettings,
)
from angarium.services.gateway.accepting.acceptance import AcceptanceRules


class GatewaySettings(
    NotificationsDatabaseSettings,
    BrokerSettings,
    CacheSettings,
    DirectorySettings,
    AuthSettings,
    ProviderSettings,
    MailboxSettings,
    CallbackSettings,
    RetentionSettings,
):
    """The gateway's settings. Of the providers it only needs to know which channels have any."""

    port: Port = 8000

    def uses_data_dir(self) -> bool:
        return super().uses_data_dir() or not self.production


def acceptance_rules(settings: GatewaySettings) -> AcceptanceRules:
    """What the settings allow to be accepted."""
    callbacks = settings.callback_secret is not None or not settings.production
    enabled = frozenset(channel for channel in Channel if settings.providers(channel))
    return AcceptanceRules(channels=enabled, callback_allow=settings.callback_allow, callbacks=callbacks)
