"""What a scripted SMTP server says, and what it records."""

import asyncio
import ssl
from collections import defaultdict, deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Received:
    """One mail: the commands' arguments, its bytes with the dots removed again, when (monotonic) and over what."""

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


@dataclass(kw_only=True, eq=False)
class Script:
    """The behaviour of a server, and what it received.

    - `ehlo`: another code than 250 refuses EHLO. `size`: the SIZE it offers. `pipelining`, `smtputf8`: offered.
    - `starttls`, `implicit`: TLS by command, or from the first byte.
    - `login`: (user, password) of AUTH PLAIN; `tokens`: those that AUTH XOAUTH2 takes; `auth_reply` answers instead.
    - `mails_per_session`: 421 to the next MAIL, then the connection is closed.
    - `lenient_end`: ends content at a dot between bare CR or LF too, as vulnerable servers do.
    - `takes_data_for_nobody`: 354 although no recipient was accepted.
    - `mail_replies`: answers to MAIL FROM, taken one by one. `commands`: every line, if `record_commands`.
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
    """Seconds before the greeting (`""`) or a command's answer (`MAIL`, …); what comes meanwhile waits."""
    port: int = 0
    sessions: int = 0

    def __post_init__(self) -> None:
        self.scripts: defaultdict[str, deque[Step]] = defaultdict(deque)
        self.living: set[asyncio.Protocol] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    def script(self, recipient: str, *steps: Step) -> None:
        """The next transactions with `recipient`, one step each; then all goes well again."""
        self.scripts[recipient].extend(steps)

    def step(self, recipient: str) -> Step:
        """The step of the transaction that begins."""
        steps = self.scripts.get(recipient)
        return steps.popleft() if steps else Step()

    def spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        """Run `coroutine` beside; it ends with the server."""
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
