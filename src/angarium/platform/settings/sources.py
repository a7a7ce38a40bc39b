"""The sources of settings: the environment, `.env` and a TOML file.

Each source becomes a mapping from field names (`email_from`) to values. An unknown name is refused, with the nearest
setting as a suggestion. A field that may hold a secret can also be read from the file named by `NAME_FILE`.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from dotenv import dotenv_values
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from angarium.contracts.errors import SettingsError

PREFIX = "ANGARIUM_"
CONFIG = "config"
DEFAULT_CONFIG = Path("angarium.toml")
DOTENV = Path(".env")

Entries = Mapping[str, Any]
"""Values by field name."""
_FILE = "_file"
_PLACE = re.compile(r"\(at .*\)$")
_INJECTED = re.compile(
    rf"{PREFIX}(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://")


class EntriesSource(PydanticBaseSettingsSource):
    """A pydantic settings source over entries that were already read."""

    def __init__(self, settings_cls: type[BaseSettings], entries: Entries) -> None:
        super().__init__(settings_cls)
        self._entries = entries

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 - the hook's signature
        field_name: str,
    ) -> tuple[Any, str, bool]:
        return self._entries.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        entries = with_files(self._entries, [name for name, field in fields.items() if holds_secret(field)])
        return {name: value for name, value in entries.items() if name in fields}


def variable(field: str) -> str:
    """The environment variable of a field."""
    return f"{PREFIX}{field.upper()}"


def wrong(field: str, why: str) -> SettingsError:
    """An error of one setting."""
    return SettingsError(f"{variable(field)}: {why}")


def environment_entries(environment: Mapping[str, str]) -> Entries:
    """The variables with our prefix, except those injected by Kubernetes."""
    ignored = set(injected_names(environment))
    return _entries({name: value for name, value in environment.items() if name not in ignored})


def injected_names(environment: Mapping[str, str]) -> list[str]:
    """The variables that Kubernetes sets for a Service whose name begins with `angarium`.

    https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
    """
    return sorted(
        name
        for name, value in environment.items()
        if _INJECTED.fullmatch(name)
        or (name.startswith(PREFIX) and name.endswith("_PORT") and _ADDRESS.match(value) is not None)
    )


def dotenv_entries() -> Entries:
    """The variables with our prefix in the working folder's `.env`. Raises SettingsError."""
    try:
        return _entries({name: value or "" for name, value in dotenv_values(DOTENV, encoding="utf-8").items()})
    except (OSError, UnicodeDecodeError) as error:
        raise wrong(CONFIG, f"{DOTENV} cannot be read ({_reason(error)})") from None


def toml_entries(named: str | None) -> Entries:
    """The top level of the TOML file `named`, or of `angarium.toml` if it exists. Raises SettingsError.

    Keys are variable names in either case, with or without the prefix.
    """
    path = Path(named) if named else DEFAULT_CONFIG
    if not named and not path.exists():
        return {}
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        raise wrong(CONFIG, f"{path} is not valid TOML {place[0] if place else ''}".rstrip()) from None
    except (OSError, UnicodeDecodeError) as error:
        raise wrong(CONFIG, f"{path} cannot be read ({_reason(error)})") from None
    return {key.lower().removeprefix(PREFIX.lower()): value for key, value in entries.items()}


def refuse_unknown(entries: Entries, fields: Mapping[str, FieldInfo], *, where: str = "") -> None:
    """Raise SettingsError for unknown names in `entries`, with the nearest setting of each."""
    secrets = {f"{name}{_FILE}" for name, field in fields.items() if holds_secret(field)}
    known = fields.keys() | secrets | {CONFIG}
    lines = [_unknown(name, entries[name], known, where) for name in sorted(entries.keys() - known)]
    if lines:
        raise SettingsError("; ".join(lines))


def holds_secret(field: FieldInfo) -> bool:
    """Whether the field may hold a secret: a `SecretStr`, or a field hidden from `repr`."""
    return not field.repr or SecretStr in (field.annotation, *get_args(field.annotation))


def with_files(entries: Entries, secrets: Collection[str]) -> Entries:
    """Replace each `NAME_FILE` in `entries` with NAME, set to that file's content. Raises SettingsError."""
    found = dict(entries)
    for name in secrets:
        path = entries.get(f"{name}{_FILE}")
        if not path:
            continue
        if found.get(name):
            raise wrong(name, f"set it or {variable(name + _FILE)}, not both")
        found[name] = _content(name + _FILE, Path(str(path)))
    return found


def _content(field: str, path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise wrong(field, f"{path} cannot be read ({_reason(error)})") from None
    if not content:
        raise wrong(field, f"{path} is empty")
    return content


def _entries(variables: Mapping[str, str]) -> Entries:
    ours = {name.upper(): value for name, value in variables.items() if name.upper().startswith(PREFIX)}
    return {name.removeprefix(PREFIX).lower(): value for name, value in ours.items()}


def _unknown(name: str, value: object, known: Collection[str], where: str) -> str:
    if isinstance(value, dict):
        return f"{variable(CONFIG)}: unknown table [{name}]{where}; settings are names at the top level"
    nearest = get_close_matches(name, known, n=1)
    hint = f"; did you mean {variable(nearest[0])}?" if nearest else ""
    return f"{variable(name)}: unknown setting{where}{hint}"


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "not UTF-8"
