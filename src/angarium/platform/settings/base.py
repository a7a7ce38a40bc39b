"""The base class of all settings.

Sources in order of precedence: arguments, environment, `.env`, TOML file, defaults.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from angarium.contracts.crash_points import CrashPoint
from angarium.contracts.errors import SettingsError
from angarium.platform.settings.sources import (
    CONFIG,
    DEFAULT_CONFIG,
    DOTENV,
    EntriesSource,
    dotenv_entries,
    environment_entries,
    refuse_unknown,
    toml_entries,
    variable,
    wrong,
)
from angarium.platform.settings.strength import default_password, is_example, weakness

NOT_IN_PRODUCTION = "can't be used when ANGARIUM_ENV=production"

Environment = Literal["development", "test", "production"]


class Settings(BaseSettings):
    """Immutable settings. Settings of other processes are ignored; unknown names are refused.

    The known settings are those of every group imported when `load` is called.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True
    )

    env: Environment = "development"
    data_dir: Path = Path("angarium-data")
    crash_at: CrashPoint | None = None

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Load the settings of this process.

        Raises SettingsError: one line that names each wrong variable, without values.
        """
        try:
            settings = cls(**overrides)
        except ValidationError as error:
            lines = [_line(detail) for detail in error.errors() if detail["type"] != "default_factory_not_called"]
            raise SettingsError("; ".join(lines)) from None
        settings.refuse_unsafe()
        return settings

    @property
    def production(self) -> bool:
        """Whether `ENV` is production."""
        return self.env == "production"

    def uses_data_dir(self) -> bool:
        """Whether this process writes to `DATA_DIR`: true if a database is a file there. Groups may add reasons."""
        fields = type(self).model_fields.keys() - self.model_fields_set
        return any(name.endswith("_database_url") and getattr(self, name) is not None for name in fields)

    def refuse_unsafe(self) -> None:
        """Raise SettingsError for values that production forbids or that contradict each other. Groups add rules."""
        if not self.production:
            return
        if self.crash_at:
            raise wrong("crash_at", f"a crash point {NOT_IN_PRODUCTION}")
        for name in type(self).model_fields:
            url = getattr(self, name) if name.endswith("_url") else None
            if url is not None and (fault := default_password(url)):
                raise wrong(name, f"{fault} {NOT_IN_PRODUCTION}")

    def refuse_example(self, field: str, secret: SecretStr | None) -> None:
        """Raise SettingsError when `secret` is an example from the documentation and `ENV` is production."""
        if self.production and secret is not None and is_example(secret.get_secret_value()):
            raise wrong(field, f"an example secret {NOT_IN_PRODUCTION}")

    def refuse_weak(self, field: str, secret: SecretStr | None) -> None:
        """Raise SettingsError when `secret` can be guessed and `ENV` is production."""
        if self.production and secret is not None and (fault := weakness(secret.get_secret_value())):
            raise wrong(field, f"{fault} {NOT_IN_PRODUCTION}")

    @model_validator(mode="before")
    @classmethod
    def _unset_when_empty(cls, values: Any) -> Any:
        """An empty variable counts as unset, except for a list of providers, where empty has a meaning."""
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if value != "" or name.endswith("_providers")}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The three sources of `settings_sources`, the environment first. Raises SettingsError."""
        environment, dotenv = environment_entries(os.environ), dotenv_entries()
        named = environment.get(CONFIG) or dotenv.get(CONFIG)
        toml = toml_entries(named)
        known = known_fields()
        refuse_unknown(environment, known)
        refuse_unknown(dotenv, known, where=f" in {DOTENV}")
        refuse_unknown(toml, known, where=f" in {named or DEFAULT_CONFIG}")
        return init_settings, *(EntriesSource(settings_cls, entries) for entries in (environment, dotenv, toml))


def known_fields() -> Mapping[str, FieldInfo]:
    """All settings by name: the fields of `Settings` and its imported subclasses."""
    fields: dict[str, FieldInfo] = {}
    pending: list[type[Settings]] = [Settings]
    while pending:
        group = pending.pop()
        fields |= group.model_fields
        pending += group.__subclasses__()
    return fields


def sqlite_in_data_dir(name: str) -> Callable[[dict[str, Any]], str]:
    """A default factory for a database's URL: the file `{name}.sqlite3` in DATA_DIR."""

    def default(validated: dict[str, Any]) -> str:
        return f"sqlite:///{validated.get('data_dir', 'angarium-data')}/{name}.sqlite3"

    return default


def _line(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ").replace("\n", " ")
    return f"{variable(str(detail['loc'][0]))}: {message}" if detail["loc"] else message
