"""Optional packages that some settings require (the extras of pyproject.toml)."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from angarium.contracts.errors import SettingsError

_EXTRAS = {"asyncmy": "mysql"}
"""The extras of packages outside of `distributed`."""


@contextmanager
def extra_for(setting: str) -> Iterator[None]:
    """Import an adapter in this block. Raises SettingsError for a missing package, with the extra to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise missing_package(error.name or "", setting=setting) from None


def require_package(package: str, *, setting: str) -> None:
    """Raise SettingsError unless `package` is installed."""
    if find_spec(package) is None:
        raise missing_package(package, setting=setting)


def missing_package(package: str, *, setting: str) -> SettingsError:
    """The error of a setting that needs `package`."""
    name = package.partition(".")[0]
    extra = _EXTRAS.get(name, "distributed")
    return SettingsError(f"{setting}: needs the package {name}; pip install 'angarium[{extra}]'")
