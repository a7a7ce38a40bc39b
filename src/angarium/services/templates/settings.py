"""The settings of the templates service."""

from pydantic import Field

from angarium.directory.settings import SurroundingsSettings
from angarium.platform.settings.base import sqlite_in_data_dir
from angarium.platform.settings.groups import DatabaseSettings, Port


class TemplatesDatabaseSettings(DatabaseSettings):
    """The templates service's database."""

    templates_database_url: str = Field(default_factory=sqlite_in_data_dir("templates"), repr=False)
    templates_read_database_url: str | None = Field(default=None, repr=False)


class TemplatesSettings(TemplatesDatabaseSettings, SurroundingsSettings):
    """The templates service's settings."""

    port: Port = 8002
