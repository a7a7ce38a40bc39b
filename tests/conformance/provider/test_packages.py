"""The example of a provider in a package of its own: it passes the suite, and once installed it can be configured."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from angarium.testing import ProviderConformance

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/angarium-provider-acme"
MAIN = "from angarium.cli.main import main; main()"
BUILD = """
import asyncio
from contextlib import AsyncExitStack
from angarium.channels.registry import CHANNELS, OWN_SCHEMES
from angarium.delivery.process import ProviderParts
from angarium.delivery.providers.installed import installed_providers

async def main():
    entry = CHANNELS["sms"]
    async with AsyncExitStack() as stack:
        parts = ProviderParts(gateway=None, clock=None, identifiers=None, logger=None, stack=stack,
                              installed=installed_providers(OWN_SCHEMES))
        kit = entry.build_kit(entry.settings.load(), parts)
        print(*(provider.name for provider in kit.providers))
        for provider in kit.providers:
            await provider.close()

asyncio.run(main())
"""


def _run(code: str, *arguments: str, path: Path, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder`, with packages of `path` installed."""
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{path}", **{f"ANGARIUM_{name}": value for name, value in settings.items()}},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the example is installed as pip would."""
    target = tmp_path_factory.mktemp("installed")
    uv = Path(sys.executable).with_name("uv")
    command: list[str | Path] = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--python", sys.executable, "--target", target, EXAMPLE], check=True)  # noqa: S603
    return target


def _suite(monkeypatch: pytest.MonkeyPatch) -> type[ProviderConformance]:
    monkeypatch.syspath_prepend(EXAMPLE / "src")
    monkeypatch.syspath_prepend(EXAMPLE / "tests")
    suite: type[ProviderConformance] = import_module("test_acme").TestAcme
    assert issubclass(suite, ProviderConformance)
    return suite


TESTS = [name for name in vars(ProviderConformance) if name.startswith("test_")]


@pytest.mark.parametrize("name", TESTS)
async def test_the_example_passes(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    await getattr(_suite(monkeypatch)(), name)()


def test_an_installed_provider_can_be_configured(installed: Path, tmp_path: Path) -> None:
    ended = _run(BUILD, path=installed, folder=tmp_path, SMS_PROVIDERS="acme://KEY@api.acme.example,sandbox://")
    assert (ended.returncode, ended.stdout.split()) == (0, ["acme", "sandbox"]), ended.stderr


def test_it_serves_no_other_channel_and_refuses_what_it_does_not_know(installed: Path, tmp_path: Path) -> None:
    ended = _run(BUILD, path=installed, folder=tmp_path, SMS_PROVIDERS="acme://KEY@api.acme.example?colour=red")
    assert "ANGARIUM_SMS_PROVIDERS: acme:// has an unknown parameter: colour" in ended.stderr
    assert "KEY" not in ended.stderr
    ended = _run(BUILD.replace('"sms"', '"email"'), path=installed, folder=tmp_path, EMAIL_PROVIDERS="acme://KEY@host")
    assert "ANGARIUM_EMAIL_PROVIDERS: unknown provider acme://" in ended.stderr


def test_a_broken_package_stops_the_start_with_one_line(tmp_path: Path) -> None:
    info = tmp_path / "packages/angarium_provider_broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: angarium-provider-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[angarium.providers]\nbroken = angarium_provider_broken:PROVIDER\n")
    for command in (["work", "sms"], ["up"]):
        ended = _run(MAIN, *command, path=info.parent, folder=tmp_path, MAILBOX_SMTP_PORT="0", PORT="0")
        [line] = ended.stderr.splitlines()
        assert ended.returncode == 2
        assert line.startswith("angarium: provider package angarium-provider-broken: broken cannot be loaded: ")
