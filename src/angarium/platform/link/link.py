"""A link: frames over a socket pair between two processes of one installation.

A frame is a length (4 bytes, big endian) and a MessagePack array of kind, number, topic and payload. Frames arrive in
order. The payload's form belongs to the topic. No other process can connect, since a socket pair has no address.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import cast

import msgspec

from angarium.contracts.errors import AngariumError, Transient
from angarium.platform.telemetry.logging import Logger

_LENGTH = struct.Struct(">I")
_HIGH_WATER = 4 * 1024 * 1024
"""Unsent bytes above which questions wait."""

Answering = Callable[[bytes], Awaitable[bytes]]
"""Answers one question. What it raises is raised at the other end, as Refused."""
Receiving = Callable[[bytes], None]
"""Takes one message. Must not raise."""


class LinkClosed(Transient):
    """The process at the other end has ended"""


class Refused(AngariumError):
    """The other end raised an error; `name`: its type."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        self.message = message
        super().__init__(f"{name}: {message}")


class _Kind(IntEnum):
    MESSAGE = 0
    QUESTION = 1
    ANSWER = 2
    REFUSAL = 3


class _Frame(msgspec.Struct, array_like=True, frozen=True, gc=False):
    kind: int
    number: int
    topic: str
    payload: bytes


class _Refusal(msgspec.Struct, array_like=True, frozen=True):
    name: str
    message: str


class Link(asyncio.Protocol):
    """One end. Register `answer` and `receive` before the other end sends, or frames of their topics are refused."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()
        self._decoder = msgspec.msgpack.Decoder(_Frame)
        self._encoder = msgspec.msgpack.Encoder()
        self._answering: dict[str, Answering] = {}
        self._receiving: dict[str, Receiving] = {}
        self._asked: dict[int, asyncio.Future[bytes]] = {}
        self._next = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_end: list[Callable[[], None]] = []
        self._room = asyncio.Event()
        self._room.set()
        self.closed = asyncio.Event()
        """Set once nothing can be sent or received any more."""

    @classmethod
    async def over(cls, connection: socket.socket, logger: Logger) -> "Link":
        """A link over one end of a socket pair, which it closes with itself."""
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        _, link = await loop.create_unix_connection(lambda: cls(logger), sock=connection)
        return link

    def answer(self, topic: str, answering: Answering) -> None:
        """Answer questions about `topic` from now on, each in a task of its own."""
        self._answering[topic] = answering

    def receive(self, topic: str, receiving: Receiving) -> None:
        """Take messages about `topic` from now on, in the order in which they were sent."""
        self._receiving[topic] = receiving

    def at_end(self, ended: Callable[[], None]) -> None:
        """Call `ended` once the link is closed, by either end."""
        self._at_end.append(ended)

    async def ask(self, topic: str, payload: bytes = b"") -> bytes:
        """The answer to a question. Raises LinkClosed; Refused for an error at the other end."""
        await self.writable()
        self._next += 1
        number = self._next
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked[number] = answered
        try:
            self._send(_Frame(_Kind.QUESTION, number, topic, payload))
            return await answered
        finally:
            del self._asked[number]

    def tell(self, topic: str, payload: bytes = b"") -> None:
        """Send a message. One that does not arrive, since the link is closed, is lost."""
        if not self.closed.is_set():
            self._send(_Frame(_Kind.MESSAGE, 0, topic, payload))

    async def writable(self) -> None:
        """Return once the other end has read most of what was sent. Raises LinkClosed."""
        await self._room.wait()
        if self.closed.is_set():
            raise LinkClosed

    async def close(self) -> None:
        """Send what waits and close. Idempotent."""
        if self._transport is not None:
            self._transport.close()
            await self.closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def data_received(self, data: bytes) -> None:
        self._read += data
        start, end = 0, len(self._read)
        while end - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._read, start)
            if end - start < _LENGTH.size + length:
                break
            start += _LENGTH.size
            frame = self._decoder.decode(bytes(memoryview(self._read)[start : start + length]))
            start += length
            self._received(frame)
        del self._read[:start]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - of the protocol; the end is the same
        self.closed.set()
        self._room.set()
        for answered in self._asked.values():
            if not answered.done():
                answered.set_exception(LinkClosed())
        for task in self._tasks:
            task.cancel()
        for ended in self._at_end:
            ended()

    def _received(self, frame: _Frame) -> None:
        match frame.kind:
            case _Kind.MESSAGE:
                if (receiving := self._receiving.get(frame.topic)) is not None:
                    receiving(frame.payload)
            case _Kind.QUESTION:
                task = asyncio.get_running_loop().create_task(self._answer(frame))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case _:
                self._answered(frame)

    def _answered(self, frame: _Frame) -> None:
        asked = self._asked.get(frame.number)
        if asked is None or asked.done():
            return  # its caller was cancelled
        if frame.kind == _Kind.ANSWER:
            asked.set_result(frame.payload)
        else:
            refusal = msgspec.msgpack.decode(frame.payload, type=_Refusal)
            asked.set_exception(Refused(refusal.name, refusal.message))

    async def _answer(self, question: _Frame) -> None:
        try:
            answering = self._answering[question.topic]
            frame = _Frame(_Kind.ANSWER, question.number, "", await answering(question.payload))
        except Exception as error:  # it is raised at the other end
            if not isinstance(error, (AngariumError, OSError, ValueError)):
                self._logger.exception("link.failed", topic=question.topic)
            refusal = msgspec.msgpack.encode(_Refusal(type(error).__name__, str(error)))
            frame = _Frame(_Kind.REFUSAL, question.number, "", refusal)
        if not self.closed.is_set():
            self._send(frame)

    def _send(self, frame: _Frame) -> None:
        if self._transport is None or self.closed.is_set():
            raise LinkClosed
        body = self._encoder.encode(frame)
        self._transport.write(_LENGTH.pack(len(body)) + body)
