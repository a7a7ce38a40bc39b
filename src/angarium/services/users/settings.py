"""What the users service can be told."""

from typing import Annotated

from pydantic import Field

from angarium.platform.settings import CacheSettings, DirectorySettings, Port, ProcessSettings


class UsersSettings(ProcessSettings, CacheSettings, DirectorySettings):
    """The users service's settings."""

    port: Port = 8001
    users_database_url: str = Field(default="", repr=False)
    database_pool: Annotated[int, Field(ge=1, le=1000)] = 10

    @property
    def database_url(self) -> str:
        """Where `users_db` is; a SQLite file in the data folder where nothing is said."""
        return self.users_database_url or f"sqlite:///{(self.data_dir / 'users.db').absolute()}"
