"""One open SMTP session, after EHLO: many mails, one after the other, with as few round trips as the server allows."""

import asyncio
from collections import deque
from dataclasses import dataclass

from angarium.services.email.classify import Phase
from angarium.services.email.reply import Reply

_REPLY_BYTES = 64 * 1024
_WHOLE_WRITE_BYTES = 64 * 1024
_START_INPUT = 354


class SessionLost(ConnectionError):
    """The server closed the connection"""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whom the mail is from and for, as it stands in the commands."""

    sender: str
    recipient: str

    @property
    def international(self) -> bool:
        """Whether it needs SMTPUTF8 (RFC 6531)."""
        return not (self.sender.isascii() and self.recipient.isascii())


@dataclass(frozen=True, slots=True)
class Answer:
    """How far a transfer came: the reply that decided it and what that replied to."""

    phase: Phase
    reply: Reply


class Session(asyncio.Protocol):
    """Takes over a transport. Not for concurrent use.

    `phase` tells, at any moment, what the next reply would answer. From `Phase.FINAL` on the server may have the
    mail. `fresh`: no reply was yet read, so a loss of an old connection means that it had been closed before.
    """

    def __init__(self, transport: asyncio.Transport, extensions: dict[str, str]) -> None:
        self.phase = Phase.SESSION
        self.fresh = True
        self.uses = 0
        self.idle_since = 0.0
        self._transport = transport
        self._extensions = extensions
        self._pipelining = "pipelining" in extensions
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 0
        self._writable: asyncio.Future[None] | None = None
        self._open_transaction = False
        self._lost = False
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def alive(self) -> bool:
        """Whether the server has neither closed nor said a word that nobody asked for (421, usually)."""
        return not self._lost and not self._replies and not self._buffer and not self._transport.is_closing()

    @property
    def stale(self) -> bool:
        """Whether its loss says nothing of this mail: an old connection that was gone before it was used again."""
        return self.uses > 1 and self.fresh

    @property
    def size_limit(self) -> int:
        """The longest mail the server takes, in bytes (RFC 1870); 0: it does not say."""
        value = self._extensions.get("size", "").strip()
        return int(value) if value.isdecimal() else 0

    def supports(self, extension: str) -> bool:
        """Whether the server offered `extension` (lower case)."""
        return extension in self._extensions

    async def transfer(self, envelope: Envelope, message: bytes) -> Answer:
        """Send `message` (dots stuffed, ending in CRLF). Raises SessionLost; `phase` then says what is known."""
        self.uses += 1
        self.fresh = True
        self.phase = Phase.SESSION
        commands = self._commands(envelope)
        answer = await (self._pipelined(commands) if self._pipelining else self._sequential(commands))
        if answer is not None:
            return answer
        return await self._content(message)

    def _commands(self, envelope: Envelope) -> list[tuple[Phase, bytes]]:
        option = " SMTPUTF8" if envelope.international else ""
        commands = [
            (Phase.MAIL, f"MAIL FROM:<{envelope.sender}>{option}\r\n".encode()),
            (Phase.RCPT, f"RCPT TO:<{envelope.recipient}>\r\n".encode()),
            (Phase.DATA, b"DATA\r\n"),
        ]
        if self._open_transaction:
            commands.insert(0, (Phase.SESSION, b"RSET\r\n"))
        self._open_transaction = True
        return commands

    async def _pipelined(self, commands: list[tuple[Phase, bytes]]) -> Answer | None:
        """All commands in one write (RFC 2920 §3.1); the first refusal decides, None: go on with the content."""
        self.phase = Phase.MAIL
        self._transport.write(b"".join(command for _, command in commands))
        replies = await self._read(len(commands))
        refused: Answer | None = None
        for (phase, _), reply in zip(commands, replies, strict=False):
            if refused is None and not _accepted(phase, reply):
                refused = Answer(phase, reply)
        if refused is None and len(replies) < len(commands):
            raise SessionLost
        if refused is not None and len(replies) == len(commands) and replies[-1].code == _START_INPUT:
            await self._take_back()
        self.phase = Phase.DATA
        return refused

    async def _sequential(self, commands: list[tuple[Phase, bytes]]) -> Answer | None:
        for phase, command in commands:
            self.phase = phase
            self._transport.write(command)
            reply = await self._read_one()
            if not _accepted(phase, reply):
                return Answer(phase, reply)
        return None

    async def _take_back(self) -> None:
        """The server took DATA although it refused before: an empty mail to nobody ends it (RFC 2920 §3.1)."""
        self._transport.write(b".\r\n")
        await self._read(1)

    async def _content(self, message: bytes) -> Answer:
        await asyncio.sleep(0)  # a close that came along with the 354 is seen before anything can be in doubt
        if self._lost or self._transport.is_closing():
            raise SessionLost
        if len(message) > _WHOLE_WRITE_BYTES:
            self._transport.write(message)
            await self._drained()
            message = b""
        self.phase = Phase.FINAL
        self._transport.write(message + b".\r\n")
        reply = await self._read_one()
        self._open_transaction = False
        return Answer(Phase.FINAL, reply)

    async def _read_one(self) -> Reply:
        replies = await self._read(1)
        if not replies:
            raise SessionLost
        return replies[0]

    async def _read(self, count: int) -> list[Reply]:
        """The next `count` replies, fewer where the connection ends before."""
        if len(self._replies) < count and not self._lost:
            self._wanted = count
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        replies = [self._replies.popleft() for _ in range(min(count, len(self._replies)))]
        if replies:
            self.fresh = False
        return replies

    async def _drained(self) -> None:
        """Return once everything written has been handed to the system. Raises SessionLost."""
        if self._transport.get_write_buffer_size() and not self._lost:
            self._transport.set_write_buffer_limits(high=0)
            if self._transport.get_write_buffer_size():
                self._writable = asyncio.get_running_loop().create_future()
                await self._writable
        if self._lost:
            raise SessionLost

    def quit(self) -> None:
        """Say goodbye without waiting for the answer, and close."""
        if not self._transport.is_closing():
            self._transport.write(b"QUIT\r\n")
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not yet sent is dropped."""
        self._transport.abort()

    async def closed(self) -> None:
        """Return once the connection is gone."""
        await asyncio.shield(self._closed)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _REPLY_BYTES or len(self._lines) > _REPLY_BYTES // 4:
            self._transport.abort()
            return
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = rest
        for line in lines:
            self._line(bytes(line))
        if self._waiter is not None and len(self._replies) >= self._wanted:
            self._wake()

    def _line(self, line: bytes) -> None:
        code, mark, text = line[:3], line[3:4], line[4:]
        if not code.isdigit() or mark not in (b" ", b"-", b"\r", b""):
            self._transport.abort()
            return
        self._lines.append(text.decode("utf-8", "replace").strip())
        if mark != b"-":
            self._replies.append(Reply(int(code), " ".join(self._lines)))
            self._lines.clear()

    def eof_received(self) -> bool:
        self._end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._end()
        if not self._closed.done():
            self._closed.set_result(None)

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def _end(self) -> None:
        self._lost = True
        self._wake()
        self.resume_writing()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _accepted(phase: Phase, reply: Reply) -> bool:
    if phase is Phase.DATA:
        return reply.code == _START_INPUT
    return reply.positive
