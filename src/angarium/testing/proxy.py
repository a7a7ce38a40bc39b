"""A TCP proxy that injects faults between a process and a server."""

import asyncio
import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)  # socket(7): linger for no time, so close with RST


class Proxy:
    """Forwards 127.0.0.1:`port` to the target. An async context manager; faults can be set at any time.

    - `latency`: seconds by which each chunk is delayed, in both directions; throughput is not limited.
    - `slice_size`: maximum bytes per write.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self.port = 0
        self.latency = 0.0
        self.slice_size = _CHUNK
        self.flows = asyncio.Event()
        self.flows.set()
        self._budget: int | None = None

    def through(self, url: str) -> str:
        """The target's `url`, changed to go through this proxy."""
        parts = urlsplit(url)
        credentials = parts.netloc.rpartition("@")[0]
        place = f"127.0.0.1:{self.port}"
        return urlunsplit(parts._replace(netloc=f"{credentials}@{place}" if credentials else place))

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and cut every connection."""
        await self.refuse()

    async def refuse(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._server:
            self._server.close()
            self._server = None
        await self.cut()

    async def accept(self) -> None:
        """Listen again, on the same port."""
        if not self._server:
            await self.__aenter__()

    async def cut(self) -> None:
        """Reset every connection; new ones are accepted."""
        for connection in list(self._connections):
            await connection.reset()

    def black_hole(self) -> None:
        """Forward nothing; connections stay open and new ones are accepted. Bytes wait, as in a network partition."""
        self.flows.clear()

    def restore(self) -> None:
        """Remove all faults, and forward the bytes that waited in the black hole."""
        self.latency, self.slice_size, self._budget = 0.0, _CHUNK, None
        self.flows.set()

    def cut_after(self, count: int) -> None:
        """Reset the connection that transfers the `count`-th further byte from client to target, just after it."""
        self._budget = count

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._connections)

    def spend(self, data: bytes) -> tuple[bytes, bool]:
        """The part of a client's bytes that may still pass, and whether its connection is cut afterwards."""
        if self._budget is None or len(data) < self._budget:
            self._budget = None if self._budget is None else self._budget - len(data)
            return data, False
        allowed, self._budget = data[: self._budget], None
        return allowed, True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target_reader, target_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(self, (reader, target_writer), (target_reader, writer))
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)


_Direction = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    """One client's connection and ours to the target."""

    def __init__(self, proxy: Proxy, upward: _Direction, downward: _Direction) -> None:
        self._proxy = proxy
        self._upward, self._downward = upward, downward
        self._tasks: set[asyncio.Task[None]] = set()
        self._done = asyncio.Event()

    async def run(self) -> None:
        """Forward until both sides are done or the connection is reset."""
        self._tasks = {
            asyncio.create_task(self._forward(self._upward, limited=True)),
            asyncio.create_task(self._forward(self._downward, limited=False)),
        }
        try:
            await asyncio.wait(self._tasks)
        finally:
            self._abort()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._done.set()

    async def reset(self) -> None:
        """Abort both sides with a TCP reset; return once that is done."""
        for _, writer in (self._upward, self._downward):
            with suppress(OSError):  # closed by its other end a moment ago
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._abort()
        await self._done.wait()

    def _abort(self) -> None:
        for _, writer in (self._upward, self._downward):
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()

    async def _forward(self, direction: _Direction, *, limited: bool) -> None:
        reader, writer = direction
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        writing = asyncio.create_task(self._write(late, writer))
        self._tasks.add(writing)
        cut = False
        with suppress(ConnectionError):
            while not cut and (data := await reader.read(_CHUNK)):
                data, cut = self._proxy.spend(data) if limited else (data, False)
                late.put_nowait((self._due(), data))
        late.put_nowait((self._due(), b""))
        await writing
        if cut:
            self._abort()

    def _due(self) -> float:
        return asyncio.get_running_loop().time() + self._proxy.latency

    async def _write(self, late: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while True:
                due, data = await late.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    break
                await self._pass(data, writer)
            if writer.can_write_eof():
                writer.write_eof()

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        size = self._proxy.slice_size
        for start in range(0, len(data), size):
            await self._proxy.flows.wait()
            writer.write(data[start : start + size])
            await writer.drain()
            if size < _CHUNK:
                await asyncio.sleep(0)
