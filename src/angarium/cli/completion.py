"""`angarium completion`: completion scripts for shells."""

import sys
from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print a completion script.

    Args:
        shell: The shell that runs the script.
    """
    from angarium.cli.main import app

    sys.stdout.write(app.generate_completion(shell=shell))
