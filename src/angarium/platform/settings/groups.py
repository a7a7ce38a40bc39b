"""Groups of settings of the platform's adapters. Each part of the product has its own group in its `settings.py`.

A process combines the groups it needs. Each group rejects the values that production forbids.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from angarium.platform.loopback import is_loopback
from angarium.platform.settings.base import NOT_IN_PRODUCTION, Settings
from angarium.platform.settings.sources import variable, wrong
from angarium.platform.settings.values import (
    Duration,
    Networks,
    RateLimit,
    RateLimitField,
    is_private_origin,
)

Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port. 0 selects any free port."""
LONGEST_MESSAGE_TTL = timedelta(milliseconds=2**32 - 1)
"""The limit of RabbitMQ, 49 days: a longer `x-message-ttl` is refused when a queue is declared."""
DEFAULT_RATE_LIMIT = "20000/second"


def require_http(field: str, url: str, *, is_base: bool = True) -> None:
    """Raise SettingsError unless `url` is an http(s) URL with a host, in visible ASCII.

    Paths are appended to a base, so it has no query and no fragment.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise wrong(field, "must be a URL of visible ASCII characters")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise wrong(field, "has a host or port that cannot be read") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise wrong(field, "must begin with http:// or https://, as in http://localhost:8000")
    if is_base and set("?#") & set(url):
        raise wrong(field, "must not have a query or a fragment")


class ProcessSettings(Settings):
    """Settings of every process. A service overrides the default of `port`."""

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
        """Whether the fast paths of docs/fast-paths.md are used instead of their plain forms."""
        return self.fast_paths == "on"

    def address(self, port: int) -> str:
        """URL of this process on this machine if it listens on `port`."""
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
    """The broker and the limits of its queues."""

    broker_url: str = Field(default="memory://", repr=False)
    queue_message_ttl: Annotated[Duration, Field(le=LONGEST_MESSAGE_TTL)] | None = None
    queue_max_length: Annotated[int, Field(ge=1)] | None = None


class CacheSettings(Settings):
    """The shared cache."""

    cache_url: str = Field(default="memory://", repr=False)


class ServiceTokenSettings(ProcessSettings):
    """The token between services."""

    service_token: SecretStr | None = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        if self.production and self.service_token is None:
            raise wrong("service_token", "must be set when ANGARIUM_ENV=production")
        self.refuse_weak("service_token", self.service_token)

    def uses_data_dir(self) -> bool:
        return super().uses_data_dir() or (self.service_token is None and not self.production)


class DatabaseSettings(ProcessSettings):
    """Settings of every process with a database."""

    database_pool: Annotated[int, Field(ge=1, le=1000)] = 10


class RateLimitSettings(Settings):
    """The rate limit of keys without their own limit."""

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
        self.refuse_weak("api_key", self.api_key)
        self.refuse_weak("jwt_secret", self.jwt_secret)
        if self.jwt_jwks_url is not None:
            self._check_key_set(self.jwt_jwks_url)

    def _check_key_set(self, url: str) -> None:
        """A server that answers for `url` can make any token valid, so production requires https."""
        require_http("jwt_jwks_url", url, is_base=False)
        try:
            private = is_private_origin(url)
        except ValueError as error:
            raise wrong("jwt_jwks_url", str(error)) from None
        if self.production and not private:
            raise wrong("jwt_jwks_url", f"an http URL of another machine {NOT_IN_PRODUCTION}")


class EndpointSettings(Settings):
    """Requests to URLs that clients supply.

    `callback_allow` lists address ranges that are exempt from the guard against private addresses.
    """

    callback_allow: Networks = ()


class CallbackSettings(EndpointSettings):
    """Status callbacks and webhooks: requests to URLs that clients supply, and their signing secret."""

    callback_secret: SecretStr | None = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        self.refuse_example("callback_secret", self.callback_secret)
