"""Settings: environment variables (or a `.env`, or a TOML file), parsed once, frozen, passed in."""

from angarium.platform.settings.base import Settings, sqlite_in_data_dir
from angarium.platform.settings.groups import (
    AuthSettings,
    BrokerSettings,
    CacheSettings,
    CallbackSettings,
    DirectorySettings,
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
    DurationList,
    ProviderUrl,
    ProviderUrls,
    RateLimit,
    RateLimitField,
    parse_duration,
)

__all__ = [
    "AuthSettings",
    "BrokerSettings",
    "CacheSettings",
    "CallbackSettings",
    "DirectorySettings",
    "Duration",
    "DurationList",
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
    "Settings",
    "TemplatesDatabaseSettings",
    "UsersDatabaseSettings",
    "parse_duration",
    "sqlite_in_data_dir",
]
