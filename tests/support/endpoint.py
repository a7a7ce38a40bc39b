"""An HTTP endpoint on a free port that receives callbacks and behaves as a test requires."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.servers.ports import free_port


@dataclass(frozen=True, slots=True)
class Received:
    """One request: its target, headers (lower-case names), body, and the loop's time of its arrival."""

    target: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Endpoint:
    """Answers with the next of `answers`, then with `status` and `headers`. `before` runs first and may hang."""

    port: int
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)
    before: Callable[[], Awaitable[None]] | None = None
    received: list[Received] = field(default_factory=list)
    endless: bool = False

    def url(self, path: str = "/hook", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._exchange(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        now = asyncio.get_running_loop().time()
        self.received.append(Received(head[0].split(" ")[1], headers, body, now))
        if self.before is not None:
            await self.before()
        status = self.answers.pop(0) if self.answers else self.status
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        length = "" if self.endless else "content-length: 0\r\n"
        writer.write(f"HTTP/1.1 {status} Answer\r\n{extra}{length}connection: close\r\n\r\n".encode("latin-1"))
        while self.endless:
            writer.write(b"x" * 65536)
            await writer.drain()
        await writer.drain()


@asynccontextmanager
async def endpoint(
    host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, **behaviour: object
) -> AsyncIterator[Endpoint]:
    """A listening endpoint. Requests that still hang at the end are cancelled."""
    serving: set[asyncio.Task[None]] = set()
    made = Endpoint(free_port(), **behaviour)  # type: ignore[arg-type]  # the fields above

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(made.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(connected, host, made.port, ssl=tls)
    try:
        yield made
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
