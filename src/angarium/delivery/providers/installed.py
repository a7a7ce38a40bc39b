"""Providers of other packages, found by their entry points."""

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
"""The group of entry points. The name of one is the scheme of its URLs; it leads to a `ProviderEntry`."""


class ProviderSurroundings(Protocol):
    """What a provider may use of the process around it. `stack` closes what it opens, after the provider."""

    @property
    def clock(self) -> Clock: ...
    @property
    def logger(self) -> Logger: ...
    @property
    def stack(self) -> AsyncExitStack: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEntry:
    """A provider of another package.

    `channels`: those that it serves. `build` makes a provider from its URL, without I/O; for a URL that cannot be
    right it raises ValueError, whose message is shown and must not repeat the URL.
    """

    channels: frozenset[Channel]
    build: Callable[[ProviderUrl, ProviderSurroundings], Provider]


def installed_providers(
    own: Collection[str], found: Callable[[], Iterable[EntryPoint]] = lambda: entry_points(group=GROUP)
) -> Mapping[str, ProviderEntry]:
    """The providers of every installed package, by scheme; `own`: the schemes of Angarium itself.

    Raises SettingsError, one line that names the package and the reason: for an entry point that cannot be loaded or
    is no ProviderEntry, and for a scheme that is taken.
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
    """The name of the distribution that has the entry point; of its module, where there is none."""
    return point.dist.name if point.dist is not None else point.module


def _refused(package: str, reason: str) -> SettingsError:
    return SettingsError(f"provider package {package}: {reason}")
