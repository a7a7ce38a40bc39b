"""The sources of settings: which names are known, and secrets in files."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from angarium.channels.registry import CHANNELS
from angarium.cli.settings import ClientSettings, MigrationSettings
from angarium.contracts.errors import SettingsError
from angarium.delivery.process import ProviderParts
from angarium.embedded.composition import EmbeddedSettings
from angarium.platform.clock import SystemClock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.identifiers import Identifiers
from angarium.platform.settings.base import known_fields
from angarium.platform.settings.sources import injected_names
from angarium.platform.telemetry.logging import make_logger
from angarium.services.gateway.settings import GatewaySettings
from angarium.services.templates.settings import TemplatesSettings
from angarium.services.users.settings import UsersSettings

ROOT = Path(__file__).parents[4]
PROCESSES = (
    GatewaySettings,
    UsersSettings,
    TemplatesSettings,
    *(entry.settings for entry in CHANNELS.values()),
    ClientSettings,
    MigrationSettings,
)


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANGARIUM_CONFIG", raising=False)


def documented() -> Iterator[str]:
    """The settings of the tables in docs/operations.md."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    section = page.partition("## Settings")[2].partition("\n## ")[0]
    for line in section.splitlines():
        yield from re.findall(r"`([A-Z_]+)`", line.split("|")[1]) if line.startswith("|") else ()


def test_the_documented_settings_are_the_known_ones() -> None:
    assert {name.lower() for name in documented()} == set(known_fields())


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.__module__)
def test_each_process_accepts_the_settings_of_the_others(
    process: type[GatewaySettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in documented():
        monkeypatch.setenv(f"ANGARIUM_{name}", "")
    process.load()


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.__module__)
def test_each_process_refuses_an_unknown_name(process: type[GatewaySettings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANGARIUM_EMAIL_PROVIDER", "canary")
    with pytest.raises(SettingsError) as refused:
        process.load()
    assert str(refused.value) == "ANGARIUM_EMAIL_PROVIDER: unknown setting; did you mean ANGARIUM_EMAIL_PROVIDERS?"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (".env", "ANGARIUM_PROT=1\nOTHER=1\n", "ANGARIUM_PROT: unknown setting in .env; did you mean ANGARIUM_PORT?"),
        ("angarium.toml", "prot = 1", "ANGARIUM_PROT: unknown setting in angarium.toml; did you mean ANGARIUM_PORT?"),
        ("angarium.toml", "ANGARIUM_XYZQ = 1", "ANGARIUM_XYZQ: unknown setting in angarium.toml"),
        (
            "angarium.toml",
            "[smtp]\nport = 1",
            "ANGARIUM_CONFIG: unknown table [smtp] in angarium.toml; settings are names at the top level",
        ),
    ],
)
def test_an_unknown_name_in_a_file_is_refused(file: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(SettingsError) as refused:
        GatewaySettings.load()
    assert str(refused.value) == message


def test_each_unknown_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANGARIUM_HOTS", "x")
    monkeypatch.setenv("ANGARIUM_LOG_LVL", "x")
    with pytest.raises(SettingsError, match=r"ANGARIUM_HOST\?; ANGARIUM_LOG_LVL: .*ANGARIUM_LOG_LEVEL\?$"):
        GatewaySettings.load()


def test_what_kubernetes_injects_for_a_service_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    injected = {
        "ANGARIUM_SERVICE_HOST": "10.0.0.1",
        "ANGARIUM_SERVICE_PORT": "8000",
        "ANGARIUM_SERVICE_PORT_HTTP": "8000",
        "ANGARIUM_PORT": "tcp://10.0.0.1:8000",
        "ANGARIUM_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "ANGARIUM_PORT_8000_TCP_PROTO": "tcp",
        "ANGARIUM_PORT_8000_TCP_PORT": "8000",
        "ANGARIUM_PORT_8000_TCP_ADDR": "10.0.0.1",
        "ANGARIUM_GATEWAY_PORT": "tcp://10.0.0.1:8000",
        "ANGARIUM_GATEWAY_SERVICE_HOST": "10.0.0.1",
        "ANGARIUM_GATEWAY_SERVICE_PORT_METRICS": "9000",
        "ANGARIUM_GATEWAY_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "ANGARIUM_MAILBOX_SMTP_PORT": "tcp://10.0.0.2:1025",
        "ANGARIUM_MAILBOX_SMTP_PORT_1025_UDP_ADDR": "10.0.0.2",
    }
    for name, value in injected.items():
        monkeypatch.setenv(name, value)
    settings = GatewaySettings.load()
    assert (settings.port, settings.mailbox_smtp_port) == (8000, 1025)
    assert injected_names({**injected, "ANGARIUM_PORT_X": "1", "HOME": "/"}) == sorted(injected)


def test_a_port_of_our_own_is_read_beside_what_kubernetes_injects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANGARIUM_SERVICE_PORT", "8000")
    monkeypatch.setenv("ANGARIUM_PORT", "9000")
    assert GatewaySettings.load().port == 9000


def test_a_secret_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "API_KEY": "canary-key",
        "SERVICE_TOKEN": "canary-token",
        "JWT_SECRET": "canary-jwt",
        "CALLBACK_SECRET": "canary-callback",
        "BROKER_URL": "amqp://u:canary@h",
        "CACHE_URL": "redis://:canary@h",
        "NOTIFICATIONS_DATABASE_URL": "postgresql://u:canary@h/d",
        "EMAIL_PROVIDERS": "smtp://u:canary@h",
    }
    for name, value in values.items():
        (tmp_path / name).write_text(f"{value}\n")
        monkeypatch.setenv(f"ANGARIUM_{name}_FILE", str(tmp_path / name))
        monkeypatch.setenv(f"ANGARIUM_{name}", "")
    settings = GatewaySettings.load()
    for name, value in values.items():
        found = getattr(settings, name.lower())
        if name == "EMAIL_PROVIDERS":
            assert found[0].password == "canary"
        else:
            assert (found.get_secret_value() if isinstance(found, SecretStr) else found) == value
    assert "canary" not in repr(settings)


def test_a_secret_in_a_file_may_be_named_in_toml_or_dotenv(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file")
    (tmp_path / ".env").write_text("ANGARIUM_API_KEY_FILE=key\n")
    (tmp_path / "angarium.toml").write_text('service_token_file = "key"\napi_key = "toml"\n')
    settings = GatewaySettings.load()
    assert settings.api_key is not None
    assert settings.service_token is not None
    assert (settings.api_key.get_secret_value(), settings.service_token.get_secret_value()) == ("from-file",) * 2


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"API_KEY_FILE": "nowhere"}, "ANGARIUM_API_KEY_FILE: nowhere cannot be read (No such file or directory)"),
        ({"API_KEY_FILE": "empty"}, "ANGARIUM_API_KEY_FILE: empty is empty"),
        ({"API_KEY_FILE": "."}, "ANGARIUM_API_KEY_FILE: . cannot be read (Is a directory)"),
        ({"API_KEY_FILE": "empty", "API_KEY": "x"}, "ANGARIUM_API_KEY: set it or ANGARIUM_API_KEY_FILE, not both"),
        ({"PORT_FILE": "empty"}, "ANGARIUM_PORT_FILE: unknown setting; did you mean ANGARIUM_PORT?"),
    ],
)
def test_a_file_that_gives_no_secret_is_refused(
    variables: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").touch()
    for name, value in variables.items():
        monkeypatch.setenv(f"ANGARIUM_{name}", value)
    with pytest.raises(SettingsError) as refused:
        GatewaySettings.load()
    assert str(refused.value) == message


async def test_the_example_file_starts_with_every_line_in_use(tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    (tmp_path / ".env").write_text(re.sub(r"^#(?=[A-Z_]+=)", "", example, flags=re.MULTILINE))
    settings = EmbeddedSettings.load()
    async with asyncio.timeout(10), AsyncExitStack() as stack:
        client = ServiceClient("http://gateway", service_token=None, name="gateway")
        clock = SystemClock()
        parts = ProviderParts(
            gateway=client,
            clock=clock,
            identifiers=Identifiers(clock),
            logger=make_logger("example"),
            stack=stack,
        )
        for entry in CHANNELS.values():
            for provider in entry.build_kit(settings.worker, parts).providers:
                await provider.close()
        await client.close()
