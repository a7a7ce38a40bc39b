"""Providers from other packages, found through entry points."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.provider import Provider
from angarium.platform.clock import Clock
from angarium.platform.settings.values import ProviderUrl
from angarium.platform.telemetry.logging import Logger

GROUP = "angarium.providers"
"""The entry point group. An entry point's name is the provider's URL scheme, its object a `ProviderEntry`."""


class ProviderSurroundings(Protocol):
    """Resources for a provider. `stack` closes what it opens, after the provider."""

    @property
    def clock(self) -> Clock: ...
    @property
    def logger(self) -> Logger: ...
    @property
    def stack(self) -> AsyncExitStack: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEntry:
    """A provider from another package.

    `channels`: the supported channels. `build` creates a provider from its URL, without I/O; for an invalid URL it
    raises ValueError, whose message is shown and must not contain the URL.
    """

    channels: frozenset[Channel]
    build: Callable[[ProviderUrl, ProviderSurroundings], Provider]


def installed_providers(
    own: Collection[str], found: Callable[[], Iterable[EntryPoint]] = lambda: entry_points(group=GROUP)
) -> Mapping[str, ProviderEntry]:
    """Load the providers of all installed packages, by scheme; `own`: the built-in schemes.

    Raises SettingsError, one line with the package and the reason, for an entry point that cannot be loaded or is not a
    ProviderEntry, and for a scheme that is already in use.
    """
    loaded: dict[str, ProviderEntry] = {}
    packages: dict[str, str] = {}
    for point in found():
        package = _package(point)
        if point.name in own:
            raise _refused(package, f"the scheme {point.name}:// is Angarium's own")
        if point.name in packages:
            raise _refused(package, f"{packages[point.name]} has the scheme {point.name}:// already")
        loaded[point.name] = _load(point, package)
        packages[point.name] = package
    return loaded


def _load(point: EntryPoint, package: str) -> ProviderEntry:
    try:
        entry = point.load()
    except Exception as error:
        reason = " ".join(str(error).split())
        raise _refused(package, f"{point.name} cannot be loaded: {type(error).__name__}: {reason}") from error
    if not isinstance(entry, ProviderEntry):
        raise _refused(package, f"{point.name} is no ProviderEntry")
    return entry


def _package(point: EntryPoint) -> str:
    """The name of the entry point's distribution, or of its module if there is none."""
    return point.dist.name if point.dist is not None else point.module


def _refused(package: str, reason: str) -> SettingsError:
    return SettingsError(f"provider package {package}: {reason}")
