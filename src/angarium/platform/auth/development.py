"""Secrets generated on a development machine, so that a first try needs no configuration."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol

from pydantic import SecretStr

from angarium.platform.auth.credentials import new_api_key
from angarium.platform.folders import make_private
from angarium.platform.settings.sources import wrong


class _TokenSettings(Protocol):
    @property
    def env(self) -> Literal["development", "test", "production"]: ...
    @property
    def data_dir(self) -> Path: ...
    @property
    def service_token(self) -> SecretStr | None: ...


def service_token_of(settings: _TokenSettings) -> str | None:
    """The token between services: the configured one, or on a development machine the one stored in `DATA_DIR`."""
    if settings.service_token is not None:
        return settings.service_token.get_secret_value()
    if settings.env == "production":
        return None
    return kept_secret(settings.data_dir / "service-token", lambda: secrets.token_urlsafe(32))


def development_api_key(data_dir: Path, entropy: Callable[[int], bytes] = os.urandom) -> str:
    """The API key of this `data_dir`. Raises SettingsError."""
    return kept_secret(data_dir / "api-key", lambda: new_api_key("live", entropy))


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file `path`, which is created if it is missing, readable by its owner only.

    Concurrent callers get the same secret. Raises SettingsError, which names DATA_DIR.
    """
    try:
        return _kept_secret(path, make)
    except OSError as error:
        raise wrong("data_dir", f"{path} cannot be read or created ({error.strerror})") from None


def _kept_secret(path: Path, make: Callable[[], str]) -> str:
    make_private(path.parent)
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(make())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    return path.read_text().strip()
