"""`angarium completion`: what a shell reads to complete commands and options."""

import sys
from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print a completion script.

    Args:
        shell: The shell to complete in.
    """
    from angarium.cli.main import app

    sys.stdout.write(app.generate_completion(shell=shell))
