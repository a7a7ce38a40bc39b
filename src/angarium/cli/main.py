"""The command `angarium`: its subcommands, error lines and exit codes."""

import sys
from inspect import cleandoc
from typing import NoReturn

from cyclopts import App, CycloptsError

from angarium import __version__
from angarium.cli import (
    dead_letters,
    keys,
    notifications,
    processes,
    providers,
    prune,
    suppressions,
    templates,
    tenants,
    users,
)
from angarium.cli.output import printable
from angarium.contracts.errors import AngariumError, SettingsError

app = App(
    name="angarium",
    help=(
        "Self-hosted, distributed notifications.\n\n"
        "Exit status: 0 success, 1 failure, 2 wrong usage or a wrong setting."
    ),
    version=__version__,
)
processes.register(app)
notifications.register(app)
prune.register(app)
app.command(keys.app)
app.command(tenants.app)
app.command(dead_letters.app)
app.command(providers.app)
app.command(suppressions.app)
app.command(templates.app)
app.command(users.app)

WRONG_USAGE = 2
FAILED = 1


def main() -> None:
    """The entry point. Exits with 0 on success, 1 on failure, 2 on a wrong setting or wrong usage."""
    try:
        app(exit_on_error=False, print_error=True)
    except CycloptsError:
        sys.exit(WRONG_USAGE)
    except BaseExceptionGroup as group:  # a process of several tasks
        wrong_settings = _leaf(group, SettingsError)
        if wrong_settings is None:
            raise
        _end(wrong_settings)
    except AngariumError as error:
        _end(error)


def _leaf(group: BaseExceptionGroup[BaseException], kind: type[AngariumError]) -> AngariumError | None:
    """The first error of `kind` in the group, at any depth."""
    for error in group.exceptions:
        found = _leaf(error, kind) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, kind):
            return found
    return None


def _end(error: AngariumError) -> NoReturn:
    _complain(str(error) or cleandoc(type(error).__doc__ or ""))
    sys.exit(WRONG_USAGE if isinstance(error, SettingsError) else FAILED)


def _complain(message: str) -> None:
    sys.stderr.write(f"angarium: {printable(message)}\n")
