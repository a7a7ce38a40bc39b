"""The settings that several processes share, in groups; a process takes the groups it needs.

Each group says what it refuses in production.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from angarium.contracts.statuses import Channel
from angarium.platform.settings_base import Settings, sqlite_in_data_dir, wrong
from angarium.platform.settings_values import (
    Duration,
    DurationList,
    Networks,
    ProviderUrl,
    ProviderUrls,
    RateLimit,
    RateLimitField,
    Words,
    parse_durations,
    parse_provider_urls,
)

Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0: any that is free."""
DEFAULT_RETRY_DELAYS = "1s,2s,4s,8s,16s"
DEFAULT_RATE_LIMIT = "20000/second"


class ProcessSettings(Settings):
    """What every process has. A service overrides the default of `port`."""

    host: str = "127.0.0.1"
    port: Port = 8000
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "pretty"] = "auto"
    log_dir: Path | None = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        if (self.tls_cert is None) != (self.tls_key is None):
            raise wrong("tls_key" if self.tls_key is None else "tls_cert", "certificate and key go together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise wrong("tls_client_ca", "needs ANGARIUM_TLS_CERT and ANGARIUM_TLS_KEY")
        for field in ("tls_cert", "tls_key", "tls_client_ca"):
            path: Path | None = getattr(self, field)
            if path is not None and not path.is_file():
                raise wrong(field, "is not a file")


class BrokerSettings(Settings):
    """The broker and the times of retries."""

    broker_url: str = Field(default="memory://", repr=False)
    queue_message_ttl: Duration | None = None
    queue_max_length: Annotated[int, Field(ge=1)] | None = None
    retry_delays: DurationList = parse_durations(DEFAULT_RETRY_DELAYS)
    email_retry_delays: DurationList | None = None
    push_retry_delays: DurationList | None = None
    sms_retry_delays: DurationList | None = None
    status_events: Literal["on", "off"] = "off"

    def delays(self, channel: Channel) -> tuple[timedelta, ...]:
        """The waits between a channel's attempts; their number is the number of retries."""
        own = {
            Channel.EMAIL: self.email_retry_delays,
            Channel.PUSH: self.push_retry_delays,
            Channel.SMS: self.sms_retry_delays,
        }[channel]
        return self.retry_delays if own is None else own

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        if self.production and "guest:guest@" in self.broker_url:
            raise wrong("broker_url", "guest:guest is an example secret, ENV is production")


class CacheSettings(Settings):
    """The shared cache."""

    cache_url: str = Field(default="memory://", repr=False)


class DirectorySettings(Settings):
    """Where processes find each other, and the token they show."""

    gateway_url: str = Field(default="http://localhost:8000", repr=False)
    users_url: str = Field(default="http://localhost:8001", repr=False)
    templates_url: str = Field(default="http://localhost:8002", repr=False)
    service_token: SecretStr | None = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        if self.production and self.service_token is None:
            raise wrong("service_token", "required, ENV is production")
        self.refuse_example("service_token", self.service_token)


class PreferenceSettings(Settings):
    """What people may switch off, and the links by which they do. `public_url`: where their browsers reach the gateway.

    Without `link_secret` links are signed with a key made from the service token.
    """

    mandatory_categories: Words = ("security",)
    public_url: str | None = None
    link_secret: SecretStr | None = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        self.refuse_example("link_secret", self.link_secret)
        if self.public_url is not None and not self.public_url.startswith(("https://", "http://")):
            raise wrong("public_url", "must begin with https:// or http://")


class NotificationsDatabaseSettings(ProcessSettings):
    """The shared status store."""

    notifications_database_url: str = Field(default_factory=sqlite_in_data_dir("notifications"), repr=False)
    notifications_read_database_url: str | None = Field(default=None, repr=False)
    database_pool: Annotated[int, Field(ge=1, le=1000)] = 10


class RateLimitSettings(Settings):
    """How often a key without a limit of its own may ask."""

    rate_limit: RateLimitField = RateLimit.parse(DEFAULT_RATE_LIMIT)


class AuthSettings(RateLimitSettings):
    """Keys and tokens."""

    auth: Literal["on", "off"] = "on"
    api_key: SecretStr | None = None
    jwt_secret: SecretStr | None = None
    jwt_public_key: str | None = Field(default=None, repr=False)
    jwt_jwks_url: str | None = Field(default=None, repr=False)
    jwt_audience: str | None = None
    jwt_issuer: str | None = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        if self.production and self.auth == "off":
            raise wrong("auth", "off is for development, ENV is production")
        self.refuse_example("api_key", self.api_key)
        self.refuse_example("jwt_secret", self.jwt_secret)


class ProviderSettings(Settings):
    """Each channel's providers and how hard a worker works."""

    email_providers: ProviderUrls = parse_provider_urls("mailbox://")
    push_providers: ProviderUrls = parse_provider_urls("mailbox://")
    sms_providers: ProviderUrls = parse_provider_urls("mailbox://")
    email_from: str = "Angarium <notify@localhost>"
    worker_concurrency: Annotated[int, Field(ge=1, le=10_000)] = 128
    worker_prefetch: Annotated[int, Field(ge=1, le=65_535)] = 256

    def providers(self, channel: Channel) -> tuple[ProviderUrl, ...]:
        """The channel's providers in order of preference; none: the channel is disabled."""
        return {
            Channel.EMAIL: self.email_providers,
            Channel.PUSH: self.push_providers,
            Channel.SMS: self.sms_providers,
        }[channel]

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        for channel in Channel:
            if self.production and any(provider.scheme == "mailbox" for provider in self.providers(channel)):
                raise wrong(f"{channel}_providers", "mailbox:// is for development, ENV is production")


class MailboxSettings(Settings):
    """The built-in catcher; port 0: none."""

    mailbox_smtp_port: Port = 1025


class CallbackSettings(Settings):
    """Status callbacks. `callback_allow`: address ranges exempt from the guard against private addresses."""

    callback_secret: SecretStr | None = None
    callback_allow: Networks = ()

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        self.refuse_example("callback_secret", self.callback_secret)
