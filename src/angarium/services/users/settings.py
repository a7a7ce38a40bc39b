"""The settings of the users service."""

from angarium.platform.settings.settings import (
    CacheSettings,
    DirectorySettings,
    EndpointSettings,
    Port,
    PreferenceSettings,
    RateLimitSettings,
    UsersDatabaseSettings,
)


class UsersSettings(
    UsersDatabaseSettings, CacheSettings, DirectorySettings, RateLimitSettings, PreferenceSettings, EndpointSettings
):
    """The users service's settings."""

    port: Port = 8001
