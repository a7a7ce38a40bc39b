"""The command itself: what it lists, and what it loads before it runs anything."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from inspect import signature

import pytest
from cyclopts import App

from angarium.cli.examples import EXAMPLES
from angarium.cli.main import COMMANDS, app, main

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


def paths(group: App, *before: str) -> Iterator[tuple[str, ...]]:
    """Every command, by its names."""
    for name in group:
        if name.startswith("-"):
            continue
        if group[name].default_command is None:
            yield from paths(group[name], *before, name)
        else:
            yield *before, name


def test_every_command_has_an_example() -> None:
    assert {" ".join(path) for path in paths(app)} == EXAMPLES.keys()


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_examples_are_understood(line: str) -> None:
    words = shlex.split(line.partition(" > ")[0])
    tokens = words[words.index("angarium") + 1 :]
    app.parse_args(tokens, exit_on_error=False, print_error=False)  # raises CycloptsError


def helped(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", ["angarium", *command.split(), "--help"])
    with suppress(SystemExit):
        main()
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ["send", "keys create"])
def test_help_ends_with_examples(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert helped(command, monkeypatch, capsys).splitlines()[-1] == f"  {EXAMPLES[command][-1]}"


def test_help_tells_the_exit_status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Exit status with --watch" in helped("send", monkeypatch, capsys)


@pytest.mark.parametrize(
    "line",
    [
        "dead-letters replay",
        "dead-letters replay --all --channel email",
        "send email t",
        "send email t ada@example.com --user 1",
        "send email t ada@example.com --var name",
        "templates push",
        "send fax t 1",
        "nothing",
    ],
)
def test_wrong_usage_ends_with_2(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["angarium", *line.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("path", sorted(EXAMPLES.keys() - {"up", "serve", "work", "completion"}))
def test_every_command_that_prints_data_prints_json(path: str) -> None:
    command = app
    for name in path.split():
        command = command[name]
    assert command.default_command is not None
    assert "as_json" in signature(command.default_command).parameters
