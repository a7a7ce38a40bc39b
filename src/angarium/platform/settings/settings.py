"""Settings from the environment, `.env` or a TOML file: parsed once, frozen, passed in."""

from angarium.platform.settings.base import Settings, sqlite_in_data_dir
from angarium.platform.settings.groups import (
    AuthSettings,
    BrokerSettings,
    CacheSettings,
    CallbackSettings,
    DatabaseSettings,
    EndpointSettings,
    Port,
    ProcessSettings,
    RateLimitSettings,
    ServiceTokenSettings,
)
from angarium.platform.settings.values import (
    Duration,
    ProviderUrl,
    ProviderUrls,
    RateLimit,
    RateLimitField,
    RetryDelayList,
)

__all__ = [
    "AuthSettings",
    "BrokerSettings",
    "CacheSettings",
    "CallbackSettings",
    "DatabaseSettings",
    "Duration",
    "EndpointSettings",
    "Port",
    "ProcessSettings",
    "ProviderUrl",
    "ProviderUrls",
    "RateLimit",
    "RateLimitField",
    "RateLimitSettings",
    "RetryDelayList",
    "ServiceTokenSettings",
    "Settings",
    "sqlite_in_data_dir",
]
