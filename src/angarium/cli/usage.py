"""What a command says of arguments that the parser cannot judge."""

from angarium.contracts.errors import AngariumError


class WrongUsage(AngariumError):
    """The arguments do not go together"""


def counted(count: int, name: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count} {name}{'' if count == 1 else 's'}"
