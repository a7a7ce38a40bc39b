"""What the templates service can be told."""

from typing import Annotated

from pydantic import Field

from angarium.platform.settings import (
    CacheSettings,
    DirectorySettings,
    Port,
    ProcessSettings,
    RateLimitSettings,
    sqlite_in_data_dir,
)


class TemplatesSettings(ProcessSettings, CacheSettings, DirectorySettings, RateLimitSettings):
    """The templates service's settings."""

    port: Port = 8002
    templates_database_url: str = Field(default_factory=sqlite_in_data_dir("templates"), repr=False)
    database_pool: Annotated[int, Field(ge=1, le=1000)] = 10
