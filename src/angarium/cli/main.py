"""`angarium`: the commands, and what a person sees when one fails."""

import sys

from cyclopts import App, CycloptsError

from angarium import __version__
from angarium.cli import dead_letters, keys, notifications, processes, templates, tenants, users
from angarium.cli.api import CallFailed
from angarium.contracts.errors import SettingsError

app = App(
    name="angarium",
    help="Self-hosted, distributed notifications.",
    version=__version__,
)
processes.register(app)
notifications.register(app)
app.command(keys.app)
app.command(tenants.app)
app.command(dead_letters.app)
app.command(templates.app)
app.command(users.app)

WRONG_USAGE = 2
FAILED = 1


def main() -> None:
    """The entry point. Exit codes: 0 done, 1 failed, 2 a wrong setting or wrong usage."""
    try:
        app(exit_on_error=False, print_error=True)
    except SettingsError as error:
        _complain(str(error))
        sys.exit(WRONG_USAGE)
    except CallFailed as error:
        _complain(str(error))
        sys.exit(FAILED)
    except CycloptsError:
        sys.exit(WRONG_USAGE)


def _complain(message: str) -> None:
    sys.stderr.write(f"angarium: {message}\n")
