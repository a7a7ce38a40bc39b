"""The settings that several processes share, in groups; a process takes the groups it needs.

Each group says what it refuses in production.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from angarium.contracts.statuses import Channel
from angarium.platform.loopback import is_loopback
from angarium.platform.settings.base import NOT_IN_PRODUCTION, Settings, sqlite_in_data_dir
from angarium.platform.settings.sources import variable, wrong
from angarium.platform.settings.values import (
    Duration,
    Networks,
    Period,
    ProviderUrl,
    ProviderUrls,
    RateLimit,
    RateLimitField,
    RetryDelayList,
    Words,
    parse_provider_urls,
    parse_retry_delays,
)

Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0: any that is free."""
DEFAULT_RETRY_DELAYS = "1s,2s,4s,8s,16s"
DEFAULT_RATE_LIMIT = "20000/second"


def require_http(field: str, url: str) -> None:
    """Raise SettingsError unless `url` begins with http:// or https:// and has a host."""
    scheme, separator, rest = url.partition("://")
    if scheme not in {"http", "https"} or not separator or not rest.strip("/"):
        raise wrong(field, "must begin with http:// or https://, as in http://localhost:8000")


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
    fast_paths: Literal["on", "off"] = "on"

    @property
    def fast(self) -> bool:
        """Whether the fast forms of docs/fast-paths.md are taken; their plain forms otherwise."""
        return self.fast_paths == "on"

    def address(self, port: int) -> str:
        """The URL of this process on this machine, when it listens on `port`."""
        scheme = "http" if self.tls_cert is None else "https"
        local = self.host in {"127.0.0.1", "0.0.0.0", "::", "::1"}  # noqa: S104 - compared, not bound
        host = "localhost" if local else f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{port}"

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
    retry_delays: RetryDelayList = parse_retry_delays(DEFAULT_RETRY_DELAYS)
    email_retry_delays: RetryDelayList | None = None
    push_retry_delays: RetryDelayList | None = None
    sms_retry_delays: RetryDelayList | None = None
    webhook_retry_delays: RetryDelayList | None = None
    status_events: Literal["on", "off"] = "off"

    def delays(self, channel: Channel) -> tuple[timedelta, ...]:
        """The waits between a channel's attempts; their number is the number of retries."""
        own: tuple[timedelta, ...] | None = getattr(self, f"{channel}_retry_delays")
        return self.retry_delays if own is None else own

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        if self.production and "guest:guest@" in self.broker_url:
            raise wrong("broker_url", f"guest:guest {NOT_IN_PRODUCTION}")


class CacheSettings(Settings):
    """The shared cache."""

    cache_url: str = Field(default="memory://", repr=False)


class DirectorySettings(Settings):
    """The addresses of the services, and the token that they show each other."""

    gateway_url: str = Field(default="http://localhost:8000", repr=False)
    users_url: str = Field(default="http://localhost:8001", repr=False)
    templates_url: str = Field(default="http://localhost:8002", repr=False)
    service_token: SecretStr | None = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        if self.production and self.service_token is None:
            raise wrong("service_token", "must be set when ANGARIUM_ENV=production")
        self.refuse_example("service_token", self.service_token)
        for field in ("gateway_url", "users_url", "templates_url"):
            require_http(field, getattr(self, field))

    def uses_data_dir(self) -> bool:
        return super().uses_data_dir() or (self.service_token is None and not self.production)


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
        if self.public_url is not None:
            require_http("public_url", self.public_url)


class DatabaseSettings(ProcessSettings):
    """What every process with a database has."""

    database_pool: Annotated[int, Field(ge=1, le=1000)] = 10


class NotificationsDatabaseSettings(DatabaseSettings):
    """The shared status store."""

    notifications_database_url: str = Field(default_factory=sqlite_in_data_dir("notifications"), repr=False)
    notifications_read_database_url: str | None = Field(default=None, repr=False)


SHORTEST_RETENTION = timedelta(hours=24)
"""An idempotency key is good for that long, and it is deleted with its notification."""


class RetentionSettings(Settings):
    """How long finished notifications stay, and after how long their personal data is taken out; None: for ever."""

    retention: Period = None
    redact_after: Period = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        if self.retention is not None and self.retention < SHORTEST_RETENTION:
            raise wrong("retention", "must be off or at least 24h, as idempotency keys live that long")


class UsersDatabaseSettings(DatabaseSettings):
    """The users service's database."""

    users_database_url: str = Field(default_factory=sqlite_in_data_dir("users"), repr=False)


class TemplatesDatabaseSettings(DatabaseSettings):
    """The templates service's database."""

    templates_database_url: str = Field(default_factory=sqlite_in_data_dir("templates"), repr=False)


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
            raise wrong("auth", f"off {NOT_IN_PRODUCTION}")
        if self.auth == "off" and isinstance(self, ProcessSettings) and not is_loopback(self.host):
            raise wrong("auth", f"off is for this machine only, but {variable('host')} is {self.host}")
        self.refuse_example("api_key", self.api_key)
        self.refuse_example("jwt_secret", self.jwt_secret)


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


class MailboxSettings(Settings):
    """The built-in catcher; port 0: none."""

    mailbox_smtp_port: Port = 1025


class EndpointSettings(Settings):
    """URLs that others chose. `callback_allow`: address ranges exempt from the guard against private addresses."""

    callback_allow: Networks = ()


class CallbackSettings(EndpointSettings):
    """What is posted to URLs that others chose: status callbacks and webhooks, and what they are signed with."""

    callback_secret: SecretStr | None = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        self.refuse_example("callback_secret", self.callback_secret)
