"""A scripted HTTP API of a provider: it checks requests and answers correctly, late, partially or never."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A received request: header names in lower case, and the number of its connection."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer. `after`: it waits for this. `cut`: only this many bytes are sent, then the connection is closed.

    `reset`: the connection ends with a RST instead of a FIN. `close`: the connection is closed after the answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | str | Mapping[str, Any] = b""
    after: asyncio.Event | None = None
    cut: int | None = None
    reset: bool = False
    close: bool = False

    def encoded(self) -> bytes:
        if isinstance(self.body, Mapping):
            body, kind = json.dumps(self.body).encode(), "content-type: application/json\r\n"
        else:
            body, kind = self.body.encode() if isinstance(self.body, str) else self.body, ""
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        closing = "connection: close\r\n" if self.close else ""
        head = f"HTTP/1.1 {self.status} Answer\r\n{kind}{extra}{closing}content-length: {len(body)}\r\n\r\n"
        return head.encode() + body


Handler = Callable[[Call], Reply]


@dataclass
class ScriptedApi:
    """`replies` are used one by one, then `handler` answers. Its exceptions are raised again at the end of the test.

    - `calls`: every request so far, in order. `failures`: exceptions of the handler, for which the client got a 599.
    - `hang_up_idle` closes each connection as soon as its answer is written.
    - The bodies of the next `unread_bodies` requests are not read.
    - `connections`: total number of connections; `open`: open now; `most_open`: the maximum open at once.
    """

    handler: Handler = field(default=lambda _call: Reply())
    replies: list[Reply] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"
    hang_up_idle: bool = False
    unread_bodies: float = 0
    connections: int = 0
    open: int = 0
    most_open: int = 0
    failures: list[BaseException] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        number = self.connections
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                while await self._exchange(reader, writer, number):
                    pass
        finally:
            self.open -= 1
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        if self.unread_bodies > 0:
            self.unread_bodies -= 1
            body = b""
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = head[0].split(" ")
        reply = self._reply(Call(method, target, headers, body, number))
        if reply.after is not None:
            await reply.after.wait()
        if reply.reset:
            _reset_at_close(writer)
        writer.write(reply.encoded()[: reply.cut])
        await writer.drain()
        return reply.cut is None and not reply.reset and not reply.close and not self.hang_up_idle

    def _reply(self, call: Call) -> Reply:
        self.calls.append(call)
        if self.replies:
            return self.replies.pop(0)
        try:
            return self.handler(call)
        except BaseException as error:  # noqa: BLE001 - an assertion about the request; `scripted_api` raises it
            self.failures.append(error)
            return Reply(status=599)


def _reset_at_close(writer: asyncio.StreamWriter) -> None:
    """SO_LINGER of zero seconds: closing sends a RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@asynccontextmanager
async def scripted_api(
    handler: Handler | None = None, *replies: Reply, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[ScriptedApi]:
    """An API on its own port; at its end it raises exceptions of the handler."""
    api = ScriptedApi(host=host, replies=list(replies), scheme="http" if tls is None else "https")
    if handler is not None:
        api.handler = handler
    serving: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(api.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(connected, host, 0, ssl=tls, backlog=1024)
    api.port = server.sockets[0].getsockname()[1]
    try:
        yield api
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
    if api.failures:
        raise api.failures[0]
