"""Settings of channel workers."""

import re
import secrets
from typing import Annotated

from pydantic import Field, SecretStr

from angarium.contracts.statuses import Channel
from angarium.directory.settings import CategorySettings, DirectorySettings, PreferenceSettings
from angarium.notifications.providers.reputation import Limits
from angarium.notifications.settings import NotificationsDatabaseSettings, QueueSettings
from angarium.platform.auth.development import kept_secret
from angarium.platform.settings.base import NOT_IN_PRODUCTION, Settings
from angarium.platform.settings.groups import CacheSettings, CallbackSettings
from angarium.platform.settings.sources import wrong
from angarium.platform.settings.values import (
    CountriesField,
    Period,
    ProviderUrl,
    ProviderUrls,
    RateLimitField,
    ShareField,
    Words,
    parse_provider_urls,
)

_IN_A_PATH = re.compile(r"[A-Za-z0-9._~-]+")


class ProviderSettings(Settings):
    """Each channel's providers and a worker's concurrency."""

    email_providers: ProviderUrls = Field(default=parse_provider_urls("mailbox://"), repr=False)
    push_providers: ProviderUrls = Field(default=parse_provider_urls("mailbox://"), repr=False)
    sms_providers: ProviderUrls = Field(default=parse_provider_urls("mailbox://"), repr=False)
    webhook_providers: ProviderUrls = Field(default=parse_provider_urls("mailbox://"), repr=False)
    email_from: str = "Angarium <notify@localhost>"
    failover_after: Period = None
    worker_concurrency: Annotated[int, Field(ge=1, le=10_000)] = 128
    worker_prefetch: Annotated[int, Field(ge=1, le=65_535)] = 256

    def providers(self, channel: Channel) -> tuple[ProviderUrl, ...]:
        """The channel's providers in order of preference; empty: the channel is disabled.

        Webhooks were added later, so in production they are off until they are configured.
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


class ReceiptSettings(ProviderSettings):
    """The secret part of the URLs to which providers post receipts; generated in development."""

    webhook_token: SecretStr | None = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        self.refuse_weak("webhook_token", self.webhook_token)
        if self.webhook_token is not None and not _IN_A_PATH.fullmatch(self.webhook_token.get_secret_value()):
            raise wrong("webhook_token", "may have letters, digits and -._~ only, since it is part of a URL")
        keys = [url.webhook_key for channel in Channel for url in self.providers(channel)]
        if self.production and self.webhook_token is None and any(key is not None for key in keys):
            raise wrong("webhook_token", "must be set, since a provider has a webhook_key")


def webhook_token_of(settings: ReceiptSettings) -> str | None:
    """The configured token; in development the one stored in `DATA_DIR`; None: webhooks are not accepted."""
    if settings.webhook_token is not None:
        return settings.webhook_token.get_secret_value()
    if settings.production:
        return None
    return kept_secret(settings.data_dir / "webhook-token", lambda: secrets.token_urlsafe(24))


class SmsSettings(Settings):
    """Limits against SMS pumping: countries, and rates per number and tenant."""

    sms_countries: CountriesField = None
    sms_limit_per_number: RateLimitField = None
    sms_limit_per_tenant: RateLimitField = None


class ReputationSettings(CategorySettings):
    """When a sender's marketing is paused, and which categories go on then.

    `reputation_sends`: fewer sends in 24 hours say nothing.
    """

    reputation_bounces: ShareField = 0.05
    reputation_complaints: ShareField = 0.001
    reputation_sends: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1000
    transactional_categories: Words = ("account", "billing", "orders", "transactional")

    @property
    def limits(self) -> Limits:
        """The rates above which marketing is paused."""
        return Limits(self.reputation_bounces, self.reputation_complaints, self.reputation_sends)

    @property
    def never_paused(self) -> frozenset[str]:
        """The categories that go on while a sender is paused."""
        return frozenset({*self.mandatory_categories, *self.transactional_categories})


class WorkerSettings(
    NotificationsDatabaseSettings,
    QueueSettings,
    CacheSettings,
    DirectorySettings,
    ReceiptSettings,
    SmsSettings,
    PreferenceSettings,
    ReputationSettings,
    CallbackSettings,
):
    """Settings of `angarium work`. Each channel has its own default port for health checks."""
