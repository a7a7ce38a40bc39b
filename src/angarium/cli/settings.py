"""The settings of the commands that call a gateway, of `angarium migrate` and of `angarium prune`."""

from typing import TypeVar

from pydantic import Field, SecretStr

from angarium.delivery.settings import WorkerSettings
from angarium.notifications.settings import NotificationsDatabaseSettings, RetentionSettings
from angarium.platform.settings.base import Settings
from angarium.platform.settings.groups import require_http
from angarium.platform.settings.sources import wrong
from angarium.services.gateway.settings import GatewaySettings
from angarium.services.templates.settings import TemplatesDatabaseSettings, TemplatesSettings
from angarium.services.users.settings import UsersDatabaseSettings, UsersSettings

PROCESSES = (GatewaySettings, UsersSettings, TemplatesSettings, WorkerSettings)
"""The settings of all processes. They are imported here because `Settings.load` rejects names that no class defines."""
SettingsT = TypeVar("SettingsT", bound=Settings)


def load(kind: type[SettingsT]) -> SettingsT:
    """Load the settings of one process. The environment may also set those of the others. Raises SettingsError."""
    return kind.load()


class ClientSettings(Settings):
    """The address of the gateway, and the API key to call it with."""

    gateway_url: str = Field(default="http://localhost:8000", repr=False)
    api_key: SecretStr | None = None

    def key(self) -> str:
        """The configured key, or the one that a development gateway wrote to `DATA_DIR/api-key`.

        Raises SettingsError.
        """
        if self.api_key is not None:
            return self.api_key.get_secret_value()
        file = self.data_dir / "api-key"
        try:
            return file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise wrong(
                "api_key", f"must be set, or given with --key; no development gateway has written {file}"
            ) from None
        except (OSError, UnicodeDecodeError):
            raise wrong("api_key", f"must be set; {file} cannot be read") from None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        require_http("gateway_url", self.gateway_url)


class MigrationSettings(NotificationsDatabaseSettings, UsersDatabaseSettings, TemplatesDatabaseSettings):
    """The databases of `angarium migrate`; SQLite files in `DATA_DIR` by default."""


class PruneSettings(NotificationsDatabaseSettings, RetentionSettings):
    """The database of `angarium prune`, and its default retention periods."""
