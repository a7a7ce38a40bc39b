"""The settings of the users service."""

from pydantic import Field

from angarium.directory.settings import PreferenceSettings, SurroundingsSettings
from angarium.platform.settings.base import sqlite_in_data_dir
from angarium.platform.settings.groups import DatabaseSettings, EndpointSettings, Port


class UsersDatabaseSettings(DatabaseSettings):
    """The users service's database."""

    users_database_url: str = Field(default_factory=sqlite_in_data_dir("users"), repr=False)
    users_read_database_url: str | None = Field(default=None, repr=False)


class UsersSettings(UsersDatabaseSettings, SurroundingsSettings, PreferenceSettings, EndpointSettings):
    """The users service's settings."""

    port: Port = 8001
    email_from: str = "Angarium <notify@localhost>"
