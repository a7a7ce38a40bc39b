"""The scripted SMTP server in its own thread, for processes that outlive a test and its event loop."""

import asyncio
import threading
import time
from collections import Counter, defaultdict
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from angarium.testing.smtp.script import Received, Step
from angarium.testing.smtp.server import SmtpServer


class _PacedServer(SmtpServer):
    """Answers unscripted transactions with `usual`; records when each recipient was tried (monotonic)."""

    usual = Step()

    def __init__(self) -> None:
        super().__init__(record_commands=False)
        self.tried: defaultdict[str, list[float]] = defaultdict(list)

    def step(self, recipient: str) -> Step:
        self.tried[recipient].append(time.monotonic())
        return super().step(recipient) if self.scripts.get(recipient) else self.usual


class SmtpSink:
    """A context manager. `port` is constant; `received` keeps every mail."""

    def __init__(self) -> None:
        self._server = _PacedServer()
        self._ready, self._done = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="smtp-sink", daemon=True)

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the SMTP sink does not listen")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._server.port

    @property
    def url(self) -> str:
        """Its URL for ANGARIUM_EMAIL_PROVIDERS."""
        return f"smtp://127.0.0.1:{self.port}?tls=off"

    @property
    def received(self) -> list[Received]:
        """Every mail whose final dot was answered with 2xx (or cut there), in order."""
        return self._server.received

    def script(self, recipient: str, *steps: Step) -> None:
        """Script the next transactions with `recipient`; later ones use the default."""
        self._server.script(recipient, *steps)

    def slow_down(self, seconds: float) -> None:
        """Delay every answer to a final dot by about `seconds` from now on."""
        answer = Step().final
        self._server.usual = Step(tarpit=seconds / len(f"{answer}\r\n"))

    def usually(self, step: Step) -> None:
        """Set the default step for unscripted transactions."""
        self._server.usual = step

    def greet_after(self, seconds: float) -> None:
        """Delay the greeting of new connections by `seconds` from now on."""
        self._server.delays = {"": seconds}

    def tries(self, recipient: str) -> list[float]:
        """Times (monotonic) of all transactions with `recipient`, whatever the answer."""
        return list(self._server.tried[recipient])

    def to(self, recipient: str) -> list[Received]:
        """The mails received for `recipient`."""
        return [mail for mail in list(self.received) if mail.rcpt.startswith(f"<{recipient}>")]

    def mails_to(self, recipient: str) -> list[EmailMessage]:
        """The mails received for `recipient`, parsed."""
        return [parsed(mail) for mail in self.to(recipient)]

    def notifications(self) -> "Counter[str]":
        """The number of mails received per notification, by its header."""
        return Counter(_header(mail, b"X-Notification-ID") for mail in list(self.received))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with self._server:
            self._ready.set()
            await self._done.wait()


def parsed(mail: Received) -> EmailMessage:
    """Parse a mail with the standard library."""
    return message_from_bytes(mail.data, policy=policy.default)


def _header(mail: Received, name: bytes) -> str:
    head = mail.data.partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n"):
        if line.lower().startswith(name.lower() + b":"):
            return line.partition(b":")[2].strip().decode()
    raise AssertionError(f"a mail without {name.decode()}: {head!r}")
