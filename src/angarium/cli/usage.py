"""Argument errors that the parser cannot detect, and counts in messages."""

from angarium.contracts.errors import AngariumError


class WrongUsage(AngariumError):
    """The arguments cannot be combined"""


def counted(count: int, name: str) -> str:
    """A count with its noun in the right number: `1 row`, `2 rows`."""
    return f"{count} {name}{'' if count == 1 else 's'}"
