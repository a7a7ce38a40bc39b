"""What the users service can be told."""

from typing import Annotated

from pydantic import Field

from angarium.platform.settings import (
    CacheSettings,
    DirectorySettings,
    Port,
    PreferenceSettings,
    ProcessSettings,
    RateLimitSettings,
    sqlite_in_data_dir,
)


class UsersSettings(ProcessSettings, CacheSettings, DirectorySettings, RateLimitSettings, PreferenceSettings):
    """The users service's settings."""

    port: Port = 8001
    users_database_url: str = Field(default_factory=sqlite_in_data_dir("users"), repr=False)
    database_pool: Annotated[int, Field(ge=1, le=1000)] = 10
