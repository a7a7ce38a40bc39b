"""The script of an SMTP server and the mails that it records."""

import asyncio
import ssl
from collections import defaultdict, deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Received:
    """One mail: the commands' arguments, its bytes without dot-stuffing, the time (monotonic) and the transport."""

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
    """The script of one transaction with a recipient.

    `cut`: the connection is closed instead of the answer to RCPT or DATA, right after the 354 (`content`), or instead
    of the answer to the final dot. `tarpit`: seconds between the bytes of the last answer.
    """

    rcpt: str = "250 2.1.5 ok"
    data: str = "354 go ahead"
    final: str = "250 2.0.0 queued"
    cut: Literal["rcpt", "data", "content", "final"] | None = None
    tarpit: float = 0.0


@dataclass(kw_only=True, eq=False)
class Script:
    """The behaviour of a server, and the mails that it received.

    - `ehlo`: a code other than 250 refuses EHLO. `size`: the announced SIZE. `pipelining`, `smtputf8`: announced.
    - `starttls`, `implicit`: TLS by command, or from the first byte.
    - `login`: (user, password) of AUTH PLAIN; `tokens`: accepted by AUTH XOAUTH2; `auth_reply` overrides the answer.
    - `mails_per_session`: 421 to the next MAIL, then the connection is closed.
    - `lenient_end`: also ends content at a dot between bare CR or LF, as vulnerable servers do.
    - `takes_data_for_nobody`: 354 although no recipient was accepted.
    - `mail_replies`: answers to MAIL FROM, used one by one. `commands`: every line, if `record_commands`.
    """

    pipelining: bool = True
    smtputf8: bool = True
    size: int | None = None
    greeting: str = "220 sink ESMTP"
    ehlo: str = "250"
    starttls: ssl.SSLContext | None = None
    implicit: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    auth_reply: str | None = None
    tokens: set[str] | None = None
    mails_per_session: int | None = None
    lenient_end: bool = False
    takes_data_for_nobody: bool = False
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    mail_replies: deque[str] = field(default_factory=deque)
    record_commands: bool = True
    delays: dict[str, float] = field(default_factory=dict)
    """Seconds before the greeting (`""`) or a command's answer (`MAIL`, …); input waits meanwhile."""
    port: int = 0
    sessions: int = 0

    def __post_init__(self) -> None:
        self.scripts: defaultdict[str, deque[Step]] = defaultdict(deque)
        self.living: set[asyncio.Protocol] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    def script(self, recipient: str, *steps: Step) -> None:
        """Script the next transactions with `recipient`, one step each; later ones succeed."""
        self.scripts[recipient].extend(steps)

    def step(self, recipient: str) -> Step:
        """The step of the next transaction."""
        steps = self.scripts.get(recipient)
        return steps.popleft() if steps else Step()

    def spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        """Run `coroutine` in a task, which ends with the server."""
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
