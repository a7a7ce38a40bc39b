"""The command `angarium`: its subcommands, error lines and exit codes."""

import os
import sys
from inspect import cleandoc
from typing import Annotated, NoReturn

from cyclopts import App, CycloptsError, Parameter

from angarium import __version__
from angarium.cli.examples import completed
from angarium.cli.output import printable
from angarium.cli.usage import WrongUsage
from angarium.contracts.errors import AngariumError, SettingsError

app = App(
    name="angarium",
    help=(
        "Self-hosted, distributed notifications.\n\n"
        "Exit status: 0 on success, 1 on failure, 2 for invalid arguments or settings."
    ),
    version=__version__,
)
COMMANDS = {
    "up": ("processes:up", "Run everything in one process. Needs no other server."),
    "serve": ("processes:serve", "Run one REST service."),
    "work": ("processes:work", "Run the worker of one channel."),
    "migrate": ("processes:migrate", "Upgrade every configured database to the newest schema."),
    "send": ("notifications:send", "Send one notification, to an address or to a stored user (--user ID)."),
    "status": ("notifications:status", "Show a notification's status and timeline."),
    "why": ("notifications:why", "Explain what happened to a notification."),
    "cancel": ("notifications:cancel", "Cancel a notification that has not been sent yet."),
    "tail": ("notifications:tail", "Show the newest notifications, newest last."),
    "doctor": (
        "doctor:doctor",
        "Check the local settings, the gateway, its dependencies and the API key. Changes nothing.",
    ),
    "completion": ("completion:completion", "Print a completion script."),
    "prune": (
        "prune:prune",
        "Delete finished notifications and their related rows, or remove their personal data.",
    ),
    "keys": ("keys:app", "API keys."),
    "tenants": ("tenants:app", "Tenants."),
    "operators": ("operators:app", "Accounts of the dashboard."),
    "dead-letters": ("dead_letters:app", "Notifications that could not be sent."),
    "providers": ("providers:app", "Providers and their circuit breakers."),
    "suppressions": ("suppressions:app", "Addresses that receive no messages."),
    "templates": ("templates:app", "Templates as files, for use with git."),
    "users": ("users:app", "Users."),
}
"""Each command: its function as `module:name` in this package, and its help text.

A command's module is imported only when the command runs: importing all of them takes four times as long as a command.
"""
for _name, (_path, _help) in COMMANDS.items():
    app.command(f"angarium.cli.{_path}", name=_name, help=_help)

WRONG_USAGE = 2
FAILED = 1


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    url: str | None = None,
    key: str | None = None,
) -> None:
    """Self-hosted, distributed notifications.

    Exit status: 0 on success, 1 on failure, 2 for invalid arguments or settings.

    Args:
        tokens: The command and its arguments.
        url: The gateway's address, instead of ANGARIUM_GATEWAY_URL.
        key: The API key, instead of ANGARIUM_API_KEY. Other users of this machine can see it while the command runs.
    """
    for name, value in (("ANGARIUM_GATEWAY_URL", url), ("ANGARIUM_API_KEY", key)):
        if value is not None:
            os.environ[name] = value
            os.environ.pop(f"{name}_FILE", None)
    app(tokens, exit_on_error=False, print_error=True)


def main() -> None:
    """The entry point. Exits with 0 on success, 1 on failure, 2 for invalid arguments or settings."""
    tokens = sys.argv[1:]
    examples = completed(app, tokens)
    try:
        app.meta(tokens, exit_on_error=False, print_error=True)
    except CycloptsError:
        sys.exit(WRONG_USAGE)
    except BaseExceptionGroup as group:  # raised by the task group of `up`, `serve` or `work`
        wrong_settings = _leaf(group, SettingsError)
        if wrong_settings is None:
            raise
        _end(wrong_settings)
    except AngariumError as error:
        _end(error)
    finally:
        sys.stdout.write(examples)


def _leaf(group: BaseExceptionGroup[BaseException], kind: type[AngariumError]) -> AngariumError | None:
    """The first error of `kind` in the group or in a nested group; None without one."""
    for error in group.exceptions:
        found = _leaf(error, kind) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, kind):
            return found
    return None


def _end(error: AngariumError) -> NoReturn:
    _complain(str(error) or cleandoc(type(error).__doc__ or ""))
    sys.exit(WRONG_USAGE if isinstance(error, SettingsError | WrongUsage) else FAILED)


def _complain(message: str) -> None:
    sys.stderr.write(f"angarium: {printable(message)}\n")
