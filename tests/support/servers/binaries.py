"""Finds the installed programs of servers, and accounts that can run them."""

import os
import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path


class MissingServer(Exception):
    """A program that the tests need is not installed."""

    def __init__(self, program: str, package: str) -> None:
        super().__init__(
            f"{program} is not installed: run `make test`, which installs it on Debian and Ubuntu, "
            f"or install your system's package like Debian's `{package}`"
        )


def find(program: str, package: str, patterns: Sequence[str] = ()) -> str:
    """The program's path: the newest match of the absolute glob `patterns`, otherwise found in PATH."""
    for pattern in patterns:
        matches = sorted(Path("/").glob(f"{pattern.lstrip('/')}/{program}"))
        if matches:
            return str(matches[-1])
    found = shutil.which(program)
    if found is None:
        raise MissingServer(program, package)
    return found


def unprivileged(*names: str) -> pwd.struct_passwd | None:
    """If running as root, the first existing account of `names`, for servers that refuse to run as root; else None."""
    if os.geteuid() != 0:
        return None
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    return next(accounts[name] for name in (*names, "nobody") if name in accounts)
