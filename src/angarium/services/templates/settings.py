"""The settings of the templates service."""

from angarium.platform.settings.settings import (
    CacheSettings,
    DirectorySettings,
    Port,
    RateLimitSettings,
    TemplatesDatabaseSettings,
)


class TemplatesSettings(TemplatesDatabaseSettings, CacheSettings, DirectorySettings, RateLimitSettings):
    """The templates service's settings."""

    port: Port = 8002
