"""Every process starts with a `.env` that names the settings of all of them."""

import subprocess
import sys

import pytest

from angarium.cli.settings import PROCESSES

_NAMES = {
    "ANGARIUM_USERS_DATABASE_URL": "sqlite:///users.db",
    "ANGARIUM_TEMPLATES_DATABASE_URL": "sqlite:///templates.db",
    "ANGARIUM_NOTIFICATIONS_DATABASE_URL": "sqlite:///notifications.db",
    "ANGARIUM_MAILBOX_SMTP_PORT": "0",
    "ANGARIUM_SMS_RETRY_DELAYS": "1s",
    "ANGARIUM_WORKER_CONCURRENCY": "5",
    "ANGARIUM_RATE_LIMIT": "5/minute",
}
_LOAD = """
import sys
from importlib import import_module
from angarium.cli.settings import load
module, name = sys.argv[1:]
print(load(getattr(import_module(module), name)).env)
"""


def _loaded(module: str, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _LOAD, module, name]
    path = {"PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(command, env={**path, **environment}, capture_output=True, text=True, check=False)  # noqa: S603 - our own command


@pytest.mark.parametrize("process", PROCESSES, ids=lambda kind: kind.__name__)
def test_a_process_knows_the_settings_of_the_others(process: type) -> None:
    done = _loaded(process.__module__, process.__name__, **_NAMES)
    assert (done.returncode, done.stdout) == (0, "development\n"), done.stderr


def test_a_name_that_no_process_knows_is_refused() -> None:
    done = _loaded("angarium.services.users.settings", "UsersSettings", ANGARIUM_USERS_DATABSE_URL="sqlite:///x.db")
    assert done.returncode != 0
    assert "ANGARIUM_USERS_DATABSE_URL" in done.stderr
