"""What a scripted SMTP server is told, and what it records."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Received:
    """One mail: the commands' arguments, its bytes with the dots taken out again, when (monotonic) and over what."""

    mail: str
    rcpt: str
    data: bytes
    at: float
    session: int
    encrypted: bool
    further: tuple[str, ...] = ()
    """The recipients after the first."""


@dataclass(frozen=True, slots=True)
class Step:
    """How one transaction with a recipient goes.

    `cut`: the connection is closed in place of the answer to RCPT or DATA, right after the 354 (`content`), or in
    place of the answer to the final dot. `tarpit`: seconds between the bytes of the last answer.
    """

    rcpt: str = "250 2.1.5 ok"
    data: str = "354 go ahead"
    final: str = "250 2.0.0 queued"
    cut: Literal["rcpt", "data", "content", "final"] | None = None
    tarpit: float = 0.0
