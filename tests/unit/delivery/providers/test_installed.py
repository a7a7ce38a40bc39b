"""Providers of other packages: loaded by their entry points, or refused with one line that names the package."""

from collections.abc import Sequence
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.providers.installed import GROUP, installed_providers

SOURCE = """
from angarium.contracts.statuses import Channel
from angarium.delivery.providers.installed import ProviderEntry
from angarium.delivery.providers.sandbox import SandboxProvider

GOOD = ProviderEntry(channels=frozenset({Channel.SMS}), build=lambda _url, _around: SandboxProvider())
NONE = "no provider"
"""


def package(folder: Path, name: str, *lines: str) -> Sequence[EntryPoint]:
    """The entry points of a package that is installed in `folder`."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join((f"[{GROUP}]", *lines)))
    found = Distribution.at(info).entry_points
    return [point for point in found if point.group == GROUP]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module with a provider and with an invalid one."""
    name = "angarium_test_provider"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    (tmp_path / f"{name}_broken.py").write_text("raise RuntimeError('no\\nlicence')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_nothing_is_installed_here() -> None:
    assert installed_providers({"smtp"}) == {}


def test_a_provider_is_found_by_its_scheme(tmp_path: Path, module: str) -> None:
    points = package(tmp_path, "acme-provider", f"acme = {module}:GOOD")
    found = installed_providers({"smtp"}, lambda: points)
    assert list(found) == ["acme"]
    assert found["acme"].channels == {Channel.SMS}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("smtp = {module}:GOOD", "the scheme smtp:// is Angarium's own"),
        ("acme = {module}:NONE", "acme is no ProviderEntry"),
        ("acme = {module}:MISSING", "acme cannot be loaded: AttributeError: .*MISSING.*"),
        ("acme = {module}_missing:GOOD", "acme cannot be loaded: ModuleNotFoundError: .*"),
        ("acme = {module}_broken:GOOD", "acme cannot be loaded: RuntimeError: no licence"),
    ],
)
def test_a_bad_entry_point_is_refused_by_the_package_s_name(
    tmp_path: Path, module: str, line: str, reason: str
) -> None:
    points = package(tmp_path, "acme-provider", line.format(module=module))
    with pytest.raises(SettingsError, match=rf"^provider package acme-provider: {reason}$"):
        installed_providers({"smtp"}, lambda: points)


def test_two_packages_cannot_have_one_scheme(tmp_path: Path, module: str) -> None:
    points = [
        *package(tmp_path, "acme-one", f"acme = {module}:GOOD"),
        *package(tmp_path, "acme-two", f"acme = {module}:GOOD"),
    ]
    with pytest.raises(SettingsError, match=r"^provider package acme-two: acme-one has the scheme acme:// already$"):
        installed_providers((), lambda: points)
