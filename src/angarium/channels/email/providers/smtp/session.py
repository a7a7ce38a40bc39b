"""One open SMTP session, after EHLO: many mails, one after the other, with as few round trips as the server allows."""

import asyncio
from collections import deque

import msgspec

from angarium.channels.email.providers.smtp.classify import Phase
from angarium.channels.email.providers.smtp.reply import Reply
from angarium.channels.email.providers.smtp.times import StepTimer, Times

_REPLY_BYTES = 64 * 1024
_WHOLE_WRITE_BYTES = 64 * 1024
_START_INPUT = 354
_CLOSING = 421
_REFUSED_FOR_GOOD = 500
_DATA = b"DATA\r\n"
_RESET = b"RSET\r\n"
_END = b".\r\n"


class SessionLost(ConnectionError):
    """The server closed the connection"""


class StepTimedOut(SessionLost):
    """A step of the dialogue was not over in time"""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")


class Envelope(msgspec.Struct, frozen=True):
    """The sender and the recipient, as the commands name them."""

    sender: str
    recipient: str
    copies: tuple[str, ...] = ()
    every_copy: bool = True
    """Whether nothing is sent while a copy is refused for the moment. One that is refused for good is left out."""
    utf8_header: bool = False

    @property
    def international(self) -> bool:
        """Whether it needs SMTPUTF8 (RFC 6531)."""
        plain = self.sender.isascii() and self.recipient.isascii() and not self.utf8_header
        return not (plain and all(copy.isascii() for copy in self.copies))


class Answer(msgspec.Struct, frozen=True):
    """How far a transfer came: the reply that decided it and what that replied to; what refused copies."""

    phase: Phase
    reply: Reply
    left_out: tuple[Reply, ...] = ()


class Session(asyncio.Protocol):
    """Takes over a transport. Not for concurrent use.

    `phase` tells, at any moment, what the next reply would answer. From `Phase.FINAL` on the server may have the
    mail. `fresh`: no reply was yet read, so a loss of an old connection means that it had been closed before.
    `size_limit`: the longest mail the server takes, in bytes (RFC 1870); 0: it does not say.

    Each step of a transfer has its own time in `times`.

    A transfer goes on in the callbacks of the transport, so that the waiting task wakes once, with the answer.
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
        self._answer.cancel()  # no transfer is under way
        self._closed: asyncio.Future[None] = self._loop.create_future()

    @property
    def alive(self) -> bool:
        """Whether the server has neither closed nor sent an unsolicited reply (421, usually)."""
        return not self._lost and not self._replies and not self._buffer and not self._transport.is_closing()

    @property
    def stale(self) -> bool:
        """Whether its loss says nothing of this mail: an old connection that was gone before it was used again."""
        return self.uses > 1 and self.fresh

    def supports(self, extension: str) -> bool:
        """Whether the server offered `extension` (lower case)."""
        return extension in self._extensions

    async def transfer(self, envelope: Envelope, message: bytes) -> Answer:
        """Send `message` (dots stuffed, ending in CRLF). Raises SessionLost; `phase` says how far it came."""
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
        """The envelope: all in one write (RFC 2920 §3.1), or one command after the other.

        With copies DATA waits for their replies: after a 354 a mail for the copies alone could not be taken back.
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
        """Take the replies that are awaited; one that is not stays, and tells that the session cannot be used."""
        heard = False
        while self._replies and self._awaited and not self._answer.done():
            self.fresh = False
            heard = True
            self._replied(self._awaited.popleft(), self._replies.popleft())
        if heard and self._awaited:  # some bytes of a reply are none
            self._timer.begin(self._times.reply(self._awaited[0]))

    def _replied(self, phase: Phase, reply: Reply) -> None:
        """The first refusal decides, but all replies to what was said are read before anything else is done."""
        if phase is Phase.FINAL:
            self._open_transaction = False
            self._answer.set_result(Answer(phase, reply, self._left_out))
            return
        if phase is Phase.COPY and _leaves_out(reply, every_copy=self._every_copy):
            self._left_out = (*self._left_out, reply)
        elif self._refused is None and not _accepted(phase, reply):
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
            # A close that came along with the 354 is seen before anything can be in doubt: one turn later.
            self._loop.call_soon(self._loop.call_soon, self._send)

    def _give_up(self, refused: Answer, last: Reply) -> None:
        """A server that took DATA although it refused before gets an empty mail without recipients (RFC 2920 §3.1)."""
        if last.code == _START_INPUT and refused.phase is not Phase.DATA and not self._taking_back:
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
        """Whether the system has not yet taken all; then `resume_writing` tells when it has."""
        self._transport.set_write_buffer_limits(high=0)
        return self._transport.get_write_buffer_size() > 0

    def _finish(self) -> None:
        """The end of the mail, from which on the server may have it."""
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
        """Say goodbye without waiting for the answer, and close."""
        if not self._transport.is_closing():
            self._transport.write(b"QUIT\r\n")
        self._timer.close()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not yet sent is dropped."""
        self._timer.close()
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
        """A slow network that still takes some of a large mail is not late."""
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


def _leaves_out(reply: Reply, *, every_copy: bool) -> bool:
    """Whether the mail is sent without the copy that `reply` refuses."""
    if reply.positive or reply.code == _CLOSING:
        return False
    return reply.code >= _REFUSED_FOR_GOOD or not every_copy


def _accepted(phase: Phase, reply: Reply) -> bool:
    if phase is Phase.DATA:
        return reply.code == _START_INPUT
    return reply.positive
