"""A command that cannot start says why in one line and exits with 2, without a traceback."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

WITHIN = 30
MAIN = "from angarium.cli.main import main; main()"

ELSEWHERE = {
    "BROKER_URL": "amqp://guest:guest@localhost:1/",
    "CACHE_URL": "redis://localhost:1/0",
    "NOTIFICATIONS_DATABASE_URL": "postgresql://postgres@localhost:1/x",
}
PACKAGES = {"BROKER_URL": "aiormq", "CACHE_URL": "redis", "NOTIFICATIONS_DATABASE_URL": "asyncpg"}


def each(*commands: str) -> list[Any]:
    """Commands as parameters of a test. Each starts a process, so all but the first are left to `make faults`."""
    return [pytest.param(command, marks=[pytest.mark.long] if at else []) for at, command in enumerate(commands)]


def run(
    command: str, folder: Path, settings: Mapping[str, str], *, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """`angarium command` in `folder`, with `settings` and nothing else from the environment."""
    environment = {f"ANGARIUM_{name}": value for name, value in settings.items()}
    environment |= {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", f"{before}{MAIN}", *command.split()],
        cwd=folder,
        env={"ANGARIUM_MAILBOX_SMTP_PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )


def refusal(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line on standard error of a start that was refused."""
    assert ended.returncode == 2, ended.stderr[-2000:]
    [line] = ended.stderr.splitlines()
    assert line.startswith("angarium: ANGARIUM_")
    return line.removeprefix("angarium: ")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize(
    "command", each("up", "up --workers 1", "serve gateway", "serve users", "serve templates", "work email")
)
def test_a_taken_port_is_named(command: str, taken: int, tmp_path: Path) -> None:
    line = refusal(run(command, tmp_path, {"PORT": str(taken)}))
    assert line == f"ANGARIUM_PORT: port {taken} is already in use; set ANGARIUM_PORT to another one"


@pytest.mark.parametrize("command", each("up", "work email"))
def test_a_wrong_provider_is_named_before_anything_is_created(command: str, tmp_path: Path) -> None:
    ended = run(command, tmp_path, {"EMAIL_PROVIDERS": "smtp://u:canary@h?colour=red", "PORT": "0"})
    assert refusal(ended) == "ANGARIUM_EMAIL_PROVIDERS: smtp:// has an unknown parameter: colour"
    assert ended.stdout == ""
    assert not [*tmp_path.rglob("*.sqlite3")]


@pytest.mark.parametrize("command", each("up", "work sms"))
@pytest.mark.parametrize("host", ["nosuch.invalid", "192.0.2.1"])
def test_a_host_of_another_machine_is_named(command: str, host: str, tmp_path: Path) -> None:
    assert refusal(run(command, tmp_path, {"HOST": host, "PORT": "0"})).startswith(f"ANGARIUM_HOST: {host} is not")


@pytest.mark.parametrize("command", each("up", "serve users", "work email", "migrate"))
def test_a_data_folder_that_cannot_be_made_is_named(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refusal(run(command, tmp_path, {"DATA_DIR": "file/data", "PORT": "0"}))
    assert line.startswith("ANGARIUM_DATA_DIR: file/data cannot be written")


@pytest.mark.parametrize("file", ["service-token", "api-key", "callback-secret", "mailbox.sqlite3"])
def test_a_file_of_the_data_folder_that_cannot_be_used_is_named(file: str, tmp_path: Path) -> None:
    (tmp_path / "angarium-data" / file).mkdir(parents=True)
    assert refusal(run("up", tmp_path, {"PORT": "0"})).startswith("ANGARIUM_DATA_DIR: ")


def test_a_database_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refusal(run("up", tmp_path, {"USERS_DATABASE_URL": "sqlite:///file/users.sqlite3", "PORT": "0"}))
    assert line.startswith("ANGARIUM_USERS_DATABASE_URL: file cannot be written")


@pytest.mark.parametrize("command", each("up", "migrate"))
def test_a_database_that_does_not_answer_is_named(command: str, tmp_path: Path) -> None:
    settings = {"NOTIFICATIONS_DATABASE_URL": "postgresql://u:canary@127.0.0.1:1/x", "PORT": "0"}
    ended = run(command, tmp_path, settings)
    message = "angarium: ANGARIUM_NOTIFICATIONS_DATABASE_URL: the database does not answer\n"
    assert (ended.returncode, ended.stderr) == (1, message)


@pytest.mark.parametrize("command", each("up", "migrate"))
def test_a_file_that_is_not_a_database_is_named(command: str, tmp_path: Path) -> None:
    (tmp_path / "users.sqlite3").write_text("This is a letter to a friend, not a database.\n" * 100)
    line = refusal(run(command, tmp_path, {"USERS_DATABASE_URL": "sqlite:///users.sqlite3", "PORT": "0"}))
    assert line.startswith("ANGARIUM_USERS_DATABASE_URL: ")


@pytest.mark.parametrize("command", each("up", "work push"))
def test_a_log_folder_that_cannot_be_made_is_named(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refusal(run(command, tmp_path, {"LOG_DIR": "file/logs", "PORT": "0"}))
    assert line.startswith("ANGARIUM_LOG_DIR: file/logs cannot be written")


@pytest.mark.parametrize("command", each("up", "work email"))
def test_a_certificate_that_cannot_be_used_is_named(command: str, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("not a certificate")
    line = refusal(run(command, tmp_path, {"TLS_CERT": "cert.pem", "TLS_KEY": "cert.pem", "PORT": "0"}))
    assert line.startswith("ANGARIUM_TLS_CERT: ")


@pytest.mark.parametrize("command", each("up", "serve users", "migrate", "keys list"))
def test_a_faulty_toml_file_is_named_with_the_place(command: str, tmp_path: Path) -> None:
    (tmp_path / "angarium.toml").write_text('port = 1\nhost "x"\n')
    line = refusal(run(command, tmp_path, {}))
    assert line == "ANGARIUM_CONFIG: angarium.toml is not valid TOML (at line 2, column 6)"


@pytest.mark.parametrize(
    ("setting", "command"),
    [
        *product(PACKAGES, ["up"]),
        *[pytest.param(setting, "work email", marks=pytest.mark.long) for setting in PACKAGES],
        pytest.param("NOTIFICATIONS_DATABASE_URL", "migrate", marks=pytest.mark.long),
    ],
)
def test_a_missing_extra_is_named_with_what_to_install(setting: str, command: str, tmp_path: Path) -> None:
    hidden = f"import sys; sys.modules['{PACKAGES[setting]}'] = None; "
    line = refusal(run(command, tmp_path, {setting: ELSEWHERE[setting], "PORT": "0"}, before=hidden))
    assert line == f"ANGARIUM_{setting}: needs the package {PACKAGES[setting]}; pip install 'angarium[distributed]'"


@pytest.mark.parametrize("command", each("up", "serve gateway", "work email", "migrate", "keys list"))
def test_an_unknown_setting_is_named_with_the_nearest_one(command: str, tmp_path: Path) -> None:
    line = refusal(run(command, tmp_path, {"EMAIL_PROVIDER": "smtp://canary"}))
    assert line == "ANGARIUM_EMAIL_PROVIDER: unknown setting; did you mean ANGARIUM_EMAIL_PROVIDERS?"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"BROKER_URL": "amqp://localhost:x/"}, "BROKER_URL"),
        ({"BROKER_URL": "kafka://localhost"}, "BROKER_URL"),
        ({"CACHE_URL": "redis://localhost:x/0"}, "CACHE_URL"),
        ({"CACHE_URL": "redis+cluster://localhost:6379"}, "CACHE_URL"),
        ({"CACHE_URL": "redis+sentinel://localhost:26379"}, "CACHE_URL"),
        ({"NOTIFICATIONS_DATABASE_URL": "postgresql://u:canary@localhost:x/db"}, "NOTIFICATIONS_DATABASE_URL"),
        ({"USERS_DATABASE_URL": "oracle://u:canary@localhost/db"}, "USERS_DATABASE_URL"),
        ({"TEMPLATES_DATABASE_URL": "sqlite://"}, "TEMPLATES_DATABASE_URL"),
        ({"EMAIL_PROVIDERS": "smtp://u:canary@localhost?rate=canary"}, "EMAIL_PROVIDERS"),
        ({"EMAIL_PROVIDERS": "smtp://u:canary@localhost?tsl=off"}, "EMAIL_PROVIDERS"),
        ({"SMS_PROVIDERS": "sandbox://?weight=0"}, "SMS_PROVIDERS"),
        ({"PUSH_PROVIDERS": "mailbox://?base_url=http://canary"}, "PUSH_PROVIDERS"),
        ({"PUSH_PROVIDERS": "pigeon://"}, "PUSH_PROVIDERS"),
        ({"EMAIL_FROM": "canary"}, "EMAIL_FROM"),
        ({"CALLBACK_SECRET": "canary"}, "CALLBACK_SECRET"),
        ({"JWT_SECRET": "canary"}, "JWT_SECRET"),
        ({"JWT_PUBLIC_KEY": "canary"}, "JWT_PUBLIC_KEY"),
        ({"PUBLIC_URL": "canary"}, "PUBLIC_URL"),
    ],
)
def test_up_refuses_an_unusable_value_by_its_setting(settings: dict[str, str], named: str, tmp_path: Path) -> None:
    line = refusal(run("up", tmp_path, {**settings, "PORT": "0"}))
    assert line.startswith(f"ANGARIUM_{named}: ")
    assert "canary" not in line


def test_a_worker_that_does_not_start_ends_up_with_one_line(tmp_path: Path) -> None:
    worker = "import sys; from angarium.cli import processes; processes._WORKER = (sys.executable, '-c', 'exit(3)'); "
    ended = run("up --workers 1", tmp_path, {"PORT": "0"}, before=worker)
    assert ended.returncode == 1
    assert ended.stderr == "angarium: worker-1 did not start: it ended with exit status 3\n"


def test_more_workers_than_channels_are_refused(tmp_path: Path) -> None:
    ended = run("up --workers 5", tmp_path, {"PORT": "0"})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "--workers" in ended.stderr
    assert not [*tmp_path.rglob("*.sqlite3")]
