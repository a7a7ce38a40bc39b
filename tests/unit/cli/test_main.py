"""The command itself: what it lists, and what it loads before it runs anything."""

import subprocess
import sys

import pytest
from cyclopts import App

from angarium.cli.main import COMMANDS, app

HEAVY = ("sqlalchemy", "fastapi", "asyncpg", "aiormq", "jinja2", "liquid", "uvicorn")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_its_own_help_says(name: str) -> None:
    command = app[name]
    described = command.default_command.__doc__ if command.default_command else command.help
    assert described is not None
    assert described.splitlines()[0] == COMMANDS[name][1]
    assert isinstance(command, App)


@pytest.mark.parametrize("module", ["main", "keys", "notifications", "dead_letters", "providers", "templates"])
def test_commands_that_call_the_gateway_load_no_server(module: str) -> None:
    """Each of these takes longer to import than the whole command may take to start."""
    code = f"import sys, angarium.cli.{module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
