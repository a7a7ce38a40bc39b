"""One connection of a scripted SMTP server."""

import asyncio
import base64
import re
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

from angarium.testing.smtp.script import Received, Script, Step

_STRICT_END = re.compile(rb"\r\n\.\r\n")
_LENIENT_END = re.compile(rb"(?:\r\n|\n|\r)\.(?:\r\n|\n|\r)")


class Session(asyncio.Protocol):
    """Reads commands and content, and answers according to its `Script`."""

    transport: asyncio.Transport

    def __init__(self, server: Script) -> None:
        self._server = server
        self._buffer = b""
        self._reading_content = False
        self._mail = self._rcpt = ""
        self._further: tuple[str, ...] = ()
        self._step = Step()
        self._mails = 0
        self._session = 0
        self._encrypted = server.implicit is not None
        self._secret_expected = False
        self._error_shown = False
        self._encrypting = False
        self._slow = False
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def close(self, word: bytes = b"") -> None:
        """Close the connection, with an optional final line."""
        if word:
            self.transport.write(word)
        self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self in self._server.living:  # again, after STARTTLS
            return
        self._server.living.add(self)
        self._server.sessions += 1
        self._session = self._server.sessions
        delay = self._server.delays.get("", 0.0)
        if delay:
            self._slow = True
            self._server.spawn(self._later(delay, lambda: self._say(self._server.greeting)))
        else:
            self._say(self._server.greeting)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it with it
        self._server.living.discard(self)
        if not self.gone.done():
            self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._serve()

    def _serve(self) -> None:
        while not self.transport.is_closing() and not self._encrypting and not self._slow:
            if self._reading_content:
                if not self._content():
                    return
            else:
                line, separator, rest = self._buffer.partition(b"\r\n")
                if not separator:
                    return
                self._buffer = rest
                self._command(line.decode("utf-8"))

    def _say(self, line: str) -> None:
        self.transport.write(f"{line}\r\n".encode())

    def _command(self, line: str) -> None:
        if self._server.record_commands:
            self._server.commands.append(line)
        if self._secret_expected:
            self._secret_expected = False
            self._check_login(line)
            return
        if self._error_shown:
            self._error_shown = False
            self._say("535 5.7.3 Authentication unsuccessful" if not line else "501 5.5.4 an empty line was due")
            return
        verb = line[:4].upper()
        handler = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "STAR": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail_from,
            "RCPT": self._rcpt_to,
            "DATA": self._data,
            "RSET": self._rset,
            "QUIT": self._quit,
        }.get(verb)
        if handler is None:
            self._say("502 5.5.2 unknown command")
            return
        delay = self._server.delays.get(verb, 0.0)
        if delay:
            self._slow = True
            self._server.spawn(self._later(delay, lambda: handler(line)))
        else:
            handler(line)

    async def _later(self, seconds: float, answer: Callable[[], None]) -> None:
        await asyncio.sleep(seconds)
        self._slow = False
        if not self.transport.is_closing():
            answer()
            self._serve()

    def _ehlo(self, _: str) -> None:
        code = self._server.ehlo
        if not code.startswith("250"):
            self._say(code)
            return
        lines = ["sink", "8BITMIME", "ENHANCEDSTATUSCODES", *self._extensions()]
        self._say("\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]))

    def _extensions(self) -> Sequence[str]:
        server = self._server
        offered = {
            "PIPELINING": server.pipelining,
            "SMTPUTF8": server.smtputf8,
            f"SIZE {server.size}": server.size is not None,
            "STARTTLS": server.starttls is not None and not self._encrypted,
            "AUTH PLAIN": server.login is not None,
            "AUTH XOAUTH2": server.tokens is not None,
        }
        return [name for name, is_offered in offered.items() if is_offered]

    def _helo(self, _: str) -> None:
        self._say("250 sink")

    def _starttls(self, _: str) -> None:
        if self._server.starttls is None:
            self._say("502 5.5.1 not offered")
            return
        self._say("220 2.0.0 go ahead")
        self.transport.pause_reading()  # this protocol must not read what follows
        self._encrypting = True
        self._server.spawn(self._encrypt(self._server.starttls))

    async def _encrypt(self, context: ssl.SSLContext) -> None:
        transport: asyncio.Transport | None = None
        try:
            with suppress(OSError):
                transport = await asyncio.get_running_loop().start_tls(self.transport, self, context, server_side=True)
        finally:
            if transport is None:
                self.transport.abort()
                self.connection_lost(None)  # a failed handshake is not reported to the protocol behind it
        if transport is not None:
            self.transport = transport
            self._encrypted = True
            self._encrypting = False
            self._serve()  # data decrypted before this task continued

    def _auth(self, line: str) -> None:
        _, _, rest = line.partition(" ")
        method, _, initial = rest.partition(" ")
        if method.upper() == "XOAUTH2" and self._server.tokens is not None:
            self._check_token(initial)
        elif method.upper() != "PLAIN":
            self._say("504 5.5.4 not that one")
        elif initial:
            self._check_login(initial)
        else:
            self._secret_expected = True
            self._say("334 ")

    def _check_token(self, text: str) -> None:
        """Google and Microsoft send the error as a challenge, which the client answers with an empty line."""
        user, bearer, *rest = base64.b64decode(text, validate=True).decode().split("\x01")
        good = user.startswith("user=") and bearer.removeprefix("auth=Bearer ") in (self._server.tokens or set())
        if good and rest == ["", ""]:
            self._say("235 2.7.0 welcome")
        else:
            self._error_shown = True
            self._say("334 " + base64.b64encode(b'{"status":"401","schemes":"bearer"}').decode())

    def _check_login(self, text: str) -> None:
        if self._server.auth_reply is not None:
            self._say(self._server.auth_reply)
            return
        given = base64.b64decode(text).decode().split("\0")[1:]
        good = self._server.login is not None and tuple(given) == self._server.login
        self._say("235 2.7.0 welcome" if good else "535 5.7.8 credentials refused")

    def _mail_from(self, line: str) -> None:
        if self._server.mails_per_session is not None and self._mails >= self._server.mails_per_session:
            self._say("421 4.7.0 too many mails in this session")
            self.transport.close()
            return
        if self._mail:
            self._say("503 5.5.1 nested MAIL")
            return
        reply = self._server.mail_replies.popleft() if self._server.mail_replies else "250 2.1.0 ok"
        if reply.startswith("2"):
            self._mail = line[len("MAIL FROM:") :]
        self._say(reply)

    def _rcpt_to(self, line: str) -> None:
        if not self._mail:
            self._say("503 5.5.1 no MAIL")
            return
        recipient = line[len("RCPT TO:") :]
        step = self._server.step(recipient.strip("<>"))
        if step.cut == "rcpt":
            self.transport.close()
            return
        if not self._rcpt:
            self._step = step
        if step.rcpt.startswith("2"):
            self._further = (*self._further, recipient) if self._rcpt else ()
            self._rcpt = self._rcpt or recipient
        self._say(step.rcpt)

    def _data(self, _: str) -> None:
        if self._step.cut == "data":
            self.transport.close()
        elif not self._rcpt and not self._server.takes_data_for_nobody:
            self._say("503 5.5.1 no valid recipients")
        elif not self._step.data.startswith("3"):
            self._say(self._step.data)
        else:
            self._say(self._step.data)
            self._reading_content = True
            self._buffer = b"\r\n" + self._buffer  # so that a dot on the first line is found too
            if self._step.cut == "content":
                self.transport.close()

    def _content(self) -> bool:
        pattern = _LENIENT_END if self._server.lenient_end else _STRICT_END
        end = pattern.search(self._buffer)
        if end is None:
            return False
        data, self._buffer = self._buffer[2 : end.start() + 2], self._buffer[end.end() :]
        self._reading_content = False
        self._finish(data.replace(b"\r\n..", b"\r\n."))
        return True

    def _finish(self, data: bytes) -> None:
        step = self._step
        self._mails += 1
        if not self._rcpt:
            self._mail = ""
            self._say("554 5.5.1 no valid recipients")
            return
        accepted = step.final.startswith("2")
        if accepted or step.cut == "final":
            self._server.received.append(
                Received(self._mail, self._rcpt, data, time.monotonic(), self._session, self._encrypted, self._further)
            )
        self._mail = self._rcpt = ""
        if step.cut == "final":
            self.transport.close()
        elif step.tarpit:
            self._server.spawn(self._dribble(step.final, step.tarpit))
        else:
            self._say(step.final)

    async def _dribble(self, line: str, interval: float) -> None:
        for byte in f"{line}\r\n".encode():
            if self.transport.is_closing():
                return
            self.transport.write(bytes([byte]))
            await asyncio.sleep(interval)

    def _rset(self, _: str) -> None:
        self._mail = self._rcpt = ""
        self._say("250 2.0.0 reset")

    def _quit(self, _: str) -> None:
        self._say("221 2.0.0 bye")
        self.transport.close()
