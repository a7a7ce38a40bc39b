"""The settings of a channel worker."""

from typing import Annotated

from pydantic import Field

from angarium.contracts.statuses import Channel
from angarium.directory.settings import DirectorySettings, PreferenceSettings
from angarium.notifications.settings import NotificationsDatabaseSettings, QueueSettings
from angarium.platform.settings.base import NOT_IN_PRODUCTION, Settings
from angarium.platform.settings.groups import CacheSettings, CallbackSettings
from angarium.platform.settings.sources import wrong
from angarium.platform.settings.values import (
    CountriesField,
    Period,
    ProviderUrl,
    ProviderUrls,
    RateLimitField,
    parse_provider_urls,
)


class ProviderSettings(Settings):
    """Each channel's providers and how hard a worker works."""

    email_providers: ProviderUrls = Field(default=parse_provider_urls("mailbox://"), repr=False)
    push_providers: ProviderUrls = Field(default=parse_provider_urls("mailbox://"), repr=False)
    sms_providers: ProviderUrls = Field(default=parse_provider_urls("mailbox://"), repr=False)
    webhook_providers: ProviderUrls = Field(default=parse_provider_urls("mailbox://"), repr=False)
    email_from: str = "Angarium <notify@localhost>"
    failover_after: Period = None
    worker_concurrency: Annotated[int, Field(ge=1, le=10_000)] = 128
    worker_prefetch: Annotated[int, Field(ge=1, le=65_535)] = 256

    def providers(self, channel: Channel) -> tuple[ProviderUrl, ...]:
        """The channel's providers in order of preference; none: the channel is disabled.

        Webhooks came when production systems were running already, so there they are off until they are configured.
        """
        name = f"{channel}_providers"
        if self.production and channel is Channel.WEBHOOK and name not in self.model_fields_set:
            return ()
        configured: tuple[ProviderUrl, ...] = getattr(self, name)
        return configured

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        for channel in Channel:
            if self.production and any(provider.scheme == "mailbox" for provider in self.providers(channel)):
                raise wrong(f"{channel}_providers", f"mailbox:// {NOT_IN_PRODUCTION}")


class SmsSettings(Settings):
    """Which numbers get SMS, and how many: limits against pumping."""

    sms_countries: CountriesField = None
    sms_limit_per_number: RateLimitField = None
    sms_limit_per_tenant: RateLimitField = None


class WorkerSettings(
    NotificationsDatabaseSettings,
    QueueSettings,
    CacheSettings,
    DirectorySettings,
    ProviderSettings,
    SmsSettings,
    PreferenceSettings,
    CallbackSettings,
):
    """What `angarium work` reads. Each channel has a default port of its own for its health."""
