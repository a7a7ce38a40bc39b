"""Where the command line finds the gateway, and with which key."""

from pydantic import Field, SecretStr

from angarium.contracts.errors import SettingsError
from angarium.platform.settings_base import Settings, sqlite_in_data_dir


class ClientSettings(Settings):
    """What the commands that talk to a gateway read."""

    gateway_url: str = Field(default="http://localhost:8000", repr=False)
    api_key: SecretStr | None = None

    def key(self) -> str:
        """The key to call with: the one that is set, else the one a development gateway keeps in `DATA_DIR`.

        Raises SettingsError.
        """
        if self.api_key is not None:
            return self.api_key.get_secret_value()
        kept = self.data_dir / "api-key"
        if kept.is_file():
            return kept.read_text().strip()
        raise SettingsError("ANGARIUM_API_KEY: a key is needed to talk to the gateway")


class MigrationSettings(Settings):
    """Which databases `angarium migrate` brings up to date; a SQLite file in `DATA_DIR` where nothing is said."""

    notifications_database_url: str = Field(default_factory=sqlite_in_data_dir("notifications"), repr=False)
    users_database_url: str = Field(default_factory=sqlite_in_data_dir("users"), repr=False)
    templates_database_url: str = Field(default_factory=sqlite_in_data_dir("templates"), repr=False)
