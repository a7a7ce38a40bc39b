"""Where settings come from, and what a person is told when one is wrong.

Of the sources the first that names a setting wins: arguments, environment, `.env`, a TOML file, defaults.
"""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from angarium.contracts.errors import SettingsError

PREFIX = "ANGARIUM_"
CONFIG_VARIABLE = "ANGARIUM_CONFIG"
DEFAULT_CONFIG = Path("angarium.toml")
EXAMPLE_WORDS = ("change-me", "change_me", "changeme", "example", "insecure", "placeholder", "replace-me")

Environment = Literal["development", "test", "production"]


class Settings(BaseSettings):
    """The base of every process's settings: frozen, prefix `ANGARIUM_`, unknown variables ignored."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    env: Environment = "development"
    data_dir: Path = Path("angarium-data")
    crash_at: str | None = None

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """The settings of this process. Raises SettingsError: one line that names each wrong variable, no value."""
        try:
            settings = cls(**overrides)
        except ValidationError as error:
            lines = [_line(detail) for detail in error.errors() if detail["type"] != "default_factory_not_called"]
            raise SettingsError("; ".join(lines)) from None
        settings.refuse_unsafe()
        return settings

    @property
    def production(self) -> bool:
        """Whether people depend on this process."""
        return self.env == "production"

    def refuse_unsafe(self) -> None:
        """Raise SettingsError for what must not run with people depending on it. Groups add their own rules."""
        if self.production and self.crash_at:
            raise wrong("crash_at", "crash points are for tests, ENV is production")

    def refuse_example(self, field: str, secret: SecretStr | None) -> None:
        """Raise SettingsError when in production `secret` is one that a page shows as an example."""
        word = secret.get_secret_value().lower() if secret is not None else ""
        if self.production and any(example in word for example in EXAMPLE_WORDS):
            raise wrong(field, "is an example secret, ENV is production")

    @model_validator(mode="before")
    @classmethod
    def _unset_when_empty(cls, values: Any) -> Any:
        """An empty variable counts as unset, except where empty has a meaning: a list of providers."""
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if value != "" or name.endswith("_providers")}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the TOML file after the environment."""
        return init_settings, env_settings, dotenv_settings, _TomlSource(settings_cls)


class _TomlSource(PydanticBaseSettingsSource):
    """The TOML file's top-level keys: variable names in either case, with or without the prefix."""

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 - the hook's signature
        field_name: str,
    ) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        named = os.environ.get(CONFIG_VARIABLE)
        path = Path(named) if named else DEFAULT_CONFIG
        if not named and not path.exists():
            return {}
        try:
            entries = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise wrong("config", f"the file cannot be read ({error.strerror})") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            raise wrong("config", "the file is not TOML") from None
        return {key.lower().removeprefix(PREFIX.lower()): value for key, value in entries.items()}


def variable(field: str) -> str:
    """The environment variable of a field."""
    return f"{PREFIX}{field.upper()}"


def wrong(field: str, why: str) -> SettingsError:
    """The error of one setting."""
    return SettingsError(f"{variable(field)}: {why}")


def sqlite_in_data_dir(name: str) -> Callable[[dict[str, Any]], str]:
    """A default factory for a database's URL: the file `{name}.sqlite3` in DATA_DIR."""

    def default(validated: dict[str, Any]) -> str:
        return f"sqlite:///{validated.get('data_dir', 'angarium-data')}/{name}.sqlite3"

    return default


def _line(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ").replace("\n", " ")
    return f"{variable(str(detail['loc'][0]))}: {message}" if detail["loc"] else message
