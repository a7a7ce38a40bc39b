"""Settings: environment variables (or a `.env`, or a TOML file), parsed once, frozen, passed in."""

from angarium.platform.settings.base import Settings, sqlite_in_data_dir
from angarium.platform.settings.groups import (
    AuthSettings,
    BrokerSettings,
    CacheSettings,
    CallbackSettings,
    DirectorySettings,
    EndpointSettings,
    MailboxSettings,
    NotificationsDatabaseSettings,
    Port,
    PreferenceSettings,
    ProcessSettings,
    ProviderSettings,
    RateLimitSettings,
    TemplatesDatabaseSettings,
    UsersDatabaseSettings,
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
    "DirectorySettings",
    "Duration",
    "EndpointSettings",
    "MailboxSettings",
    "NotificationsDatabaseSettings",
    "Port",
    "PreferenceSettings",
    "ProcessSettings",
    "ProviderSettings",
    "ProviderUrl",
    "ProviderUrls",
    "RateLimit",
    "RateLimitField",
    "RateLimitSettings",
    "RetryDelayList",
    "Settings",
    "TemplatesDatabaseSettings",
    "UsersDatabaseSettings",
    "sqlite_in_data_dir",
]
