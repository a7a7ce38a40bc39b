"""An open SMTP session after EHLO, which sends mails one by one with as few round trips as the server allows."""

import asyncio
from collections import deque

import msgspec

from angarium.channels.email.providers.smtp.classify import START_INPUT, Phase, is_accepted, leaves_out
from angarium.channels.email.providers.smtp.reply import Reply
from angarium.channels.email.providers.smtp.times import SessionLost, StepTimedOut, StepTimer, Times

_REPLY_BYTES = 64 * 1024
_WHOLE_WRITE_BYTES = 64 * 1024
_DATA = b"DATA\r\n"
_RESET = b"RSET\r\n"
_END = b".\r\n"


class Envelope(msgspec.Struct, frozen=True):
    """The sender and recipients of the SMTP commands."""

    sender: str
    recipient: str
    copies: tuple[str, ...] = ()
    every_copy: bool = True
    """Whether a temporarily refused cc or bcc address prevents the send. A permanently refused one is left out."""
    utf8_header: bool = False

    @property
    def international(self) -> bool:
        """Whether it requires SMTPUTF8 (RFC 6531)."""
        plain = self.sender.isascii() and self.recipient.isascii() and not self.utf8_header
        return not (plain and all(copy.isascii() for copy in self.copies))


class Answer(msgspec.Struct, frozen=True):
    """The result of a transfer: the decisive reply and its phase, and refused copies."""

    phase: Phase
    reply: Reply
    left_out: tuple[Reply, ...] = ()


class Session(asyncio.Protocol):
    """Takes over a transport. Not safe for concurrent use.

    `phase` is what the next reply answers. From `Phase.FINAL` on the server may have the mail. `fresh`: no reply was
    read yet, so losing a reused connection means that it had been closed before. `size_limit`: the server's limit in
    bytes (RFC 1870); 0: unknown.

    Each step of a transfer has its own timeout in `times`.

    A transfer runs in the transport's callbacks, so the waiting task wakes only once, with the answer.
    """

    def __init__(self, transport: asyncio.Transport, extensions: dict[str, str], times: Times) -> None:
        self.phase = Phase.SESSION
        self.fresh = True
        self.uses = 0
        self.idle_since = 0.0
        self.size_limit = _size_limit(extensions)
        self._transport = transport
        self._extensions = extensions
        self._pipelining = "pipelining" in extensions
        self._loop = asyncio.get_running_loop()
        self._times = times
        self._timer = StepTimer(self._late)
        self._left = 0
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._replies: deque[Reply] = deque()
        self._awaited: deque[Phase] = deque()
        self._unsaid: deque[tuple[Phase, bytes]] = deque()
        self._message = b""
        self._refused: Answer | None = None
        self._left_out: tuple[Reply, ...] = ()
        self._every_copy = True
        self._taking_back = False
        self._held = False
        self._open_transaction = False
        self._lost = False
        self._answer: asyncio.Future[Answer] = self._loop.create_future()
        self._answer.cancel()  # no transfer is running
        self._closed: asyncio.Future[None] = self._loop.create_future()

    @property
    def alive(self) -> bool:
        """Whether the server has neither closed the connection nor sent an unsolicited reply (usually 421)."""
        return not self._lost and not self._replies and not self._buffer and not self._transport.is_closing()

    @property
    def stale(self) -> bool:
        """Whether its loss does not affect this mail, since a reused connection was closed before."""
        return self.uses > 1 and self.fresh

    def supports(self, extension: str) -> bool:
        """Whether the server announced `extension` (lower case)."""
        return extension in self._extensions

    async def transfer(self, envelope: Envelope, message: bytes) -> Answer:
        """Send `message` (dot-stuffed, ending in CRLF). Raises SessionLost; `phase` then shows the progress."""
        self.uses += 1
        self.fresh = True
        self.phase = Phase.MAIL
        if self._lost:
            raise SessionLost
        self._answer = self._loop.create_future()
        self._refused = None
        self._left_out = ()
        self._every_copy = envelope.every_copy
        self._message = message
        self._say(envelope)
        self._timer.begin(self._times.reply(self._awaited[0]))
        try:
            return await self._answer
        finally:
            self._timer.end()

    def _say(self, envelope: Envelope) -> None:
        """Send the envelope in one write (RFC 2920 §3.1), or one command after the other.

        With copies, DATA waits for their replies: after a 354 a mail to the copies only could not be aborted.
        """
        commands = _commands(envelope)
        if self._open_transaction:
            commands.insert(0, (Phase.SESSION, _RESET))
        self._open_transaction = True
        if self._pipelining:
            if envelope.copies:
                self._unsaid.append(commands.pop())
            self._awaited.extend([phase for phase, _ in commands])
            self._transport.write(b"".join([command for _, command in commands]))
        else:
            self._unsaid.extend(commands)
            self._say_next()

    def _say_next(self) -> None:
        self.phase, command = self._unsaid.popleft()
        self._awaited.append(self.phase)
        self._transport.write(command)

    def _hear(self) -> None:
        """Process the expected replies; an unexpected one stays in the buffer and makes the session unusable."""
        heard = False
        while self._replies and self._awaited and not self._answer.done():
            self.fresh = False
            heard = True
            self._replied(self._awaited.popleft(), self._replies.popleft())
        if heard and self._awaited:  # an incomplete reply counts as none
            self._timer.begin(self._times.reply(self._awaited[0]))

    def _replied(self, phase: Phase, reply: Reply) -> None:
        """The first refusal decides, but all replies to pipelined commands are read first."""
        if phase is Phase.FINAL:
            self._open_transaction = False
            self._answer.set_result(Answer(phase, reply, self._left_out))
            return
        if phase is Phase.COPY and leaves_out(reply, every_copy=self._every_copy):
            self._left_out = (*self._left_out, reply)
        elif self._refused is None and not is_accepted(phase, reply):
            self._refused = Answer(phase, reply)
        if not self._awaited:
            self._go_on(reply)

    def _go_on(self, last: Reply) -> None:
        if self._refused is not None:
            self._give_up(self._refused, last)
        elif self._unsaid:
            self._say_next()
        else:
            self.phase = Phase.DATA
            # Wait one loop iteration: a close that arrived with the 354 is then noticed before the outcome can be
            # ambiguous.
            self._loop.call_soon(self._loop.call_soon, self._send)

    def _give_up(self, refused: Answer, last: Reply) -> None:
        """A server that accepted DATA after refusing all recipients gets an empty mail (RFC 2920 §3.1)."""
        if last.code == START_INPUT and refused.phase is not Phase.DATA and not self._taking_back:
            self._taking_back = True
            self._awaited.append(Phase.DATA)
            self._transport.write(_END)
            return
        self._taking_back = False
        self._unsaid.clear()
        self._answer.set_result(refused)

    def _send(self) -> None:
        if self._answer.done():
            return
        if self._transport.is_closing():
            self._end()
            return
        if len(self._message) > _WHOLE_WRITE_BYTES:
            self._transport.write(self._message)
            self._message = b""
            self._held = self._unsent()
        if not self._held:
            self._finish()
            return
        self._left = self._transport.get_write_buffer_size()
        self._timer.begin(self._times.block)

    def _unsent(self) -> bool:
        """Whether data is still buffered; `resume_writing` is called once it is written."""
        self._transport.set_write_buffer_limits(high=0)
        return self._transport.get_write_buffer_size() > 0

    def _finish(self) -> None:
        """Send the end of the mail, after which the server may have it."""
        self._held = False
        self.phase = Phase.FINAL
        self._awaited.append(Phase.FINAL)
        self._timer.begin(self._times.final)
        self._transport.write(self._message + _END)
        self._hear()

    def give_up(self, seconds: float) -> None:
        """End a transfer whose final dot is not sent, as if a step had taken `seconds`."""
        if self.phase is not Phase.FINAL:
            self._end(StepTimedOut(seconds))

    def quit(self) -> None:
        """Send QUIT without waiting for the answer, and close."""
        if not self._transport.is_closing():
            self._transport.write(b"QUIT\r\n")
        self._timer.close()
        self._transport.close()

    def abort(self) -> None:
        """Close at once and drop unsent data."""
        self._timer.close()
        self._transport.abort()

    async def closed(self) -> None:
        """Return once the connection is closed."""
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
        self._hear()

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
        self._timer.close()
        if not self._closed.done():
            self._closed.set_result(None)

    def resume_writing(self) -> None:
        if self._held and not self._answer.done():
            self._finish()

    def _late(self, seconds: float) -> None:
        """Handle a timeout. Progress on a large mail over a slow network does not count as one."""
        left = self._transport.get_write_buffer_size() if self._held else 0
        if self._held and left < self._left:
            self._left = left
            self._timer.begin(self._times.block)
            return
        self._end(StepTimedOut(seconds))

    def _end(self, error: SessionLost | None = None) -> None:
        self._lost = True
        if self._answer.done():
            return
        if self._refused is not None:
            self._answer.set_result(self._refused)
        else:
            self._answer.set_exception(error or SessionLost())


def _size_limit(extensions: dict[str, str]) -> int:
    value = extensions.get("size", "").strip()
    return int(value) if value.isdecimal() else 0


def _commands(envelope: Envelope) -> list[tuple[Phase, bytes]]:
    option = " SMTPUTF8" if envelope.international else ""
    return [
        (Phase.MAIL, f"MAIL FROM:<{envelope.sender}>{option}\r\n".encode()),
        (Phase.RCPT, f"RCPT TO:<{envelope.recipient}>\r\n".encode()),
        *((Phase.COPY, f"RCPT TO:<{copy}>\r\n".encode()) for copy in envelope.copies),
        (Phase.DATA, _DATA),
    ]
