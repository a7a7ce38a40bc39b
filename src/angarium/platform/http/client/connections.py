"""Kept-alive connections to one server.

For calls between services, which are small and frequent: a general client costs ten times the CPU per call.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping

import httpx2

from angarium.platform.clock import Clock
from angarium.platform.http.client.connection import Connection
from angarium.platform.http.client.exchange import AT_ONCE, KEPT, KEPT_SECONDS, Answer

_BODILESS = frozenset({"GET", "HEAD", "DELETE"})


class Connections:
    """Implements `Exchange` over the network: at most 200 connections, of which 50 may be idle for 30 s.

    `patience`: connect timeout in seconds for each address of the server. `tls`: None for the system's CAs.
    """

    def __init__(self, base_url: str, *, tls: ssl.SSLContext | None, patience: float, clock: Clock) -> None:
        url = httpx2.URL(base_url)
        self._host = url.raw_host.decode("ascii")
        self._tls = (tls or httpx2.create_ssl_context(trust_env=False)) if url.scheme == "https" else None
        self._port = url.port or (443 if self._tls is not None else 80)
        self._prefix = url.raw_path.decode("ascii").rstrip("/")
        self._authority = url.netloc.decode("ascii")
        self._patience = patience
        self._clock = clock
        self._room = asyncio.Semaphore(AT_ONCE)
        self._idle: list[tuple[float, Connection]] = []
        self._closed = False

    async def ask(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        request = self._head(method, target, headers, content) + content
        async with self._room:
            connection = self._take_idle() or await self._connect()
            try:
                return await connection.ask(request, without_body=method == "HEAD")
            finally:
                self._put_back(connection)

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop()[1].close()
        await asyncio.sleep(0)  # the loop closes the sockets

    def _head(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> bytes:
        lines = [f"{method} {self._prefix}{target} HTTP/1.1", f"host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if content or method not in _BODILESS:
            lines.append(f"content-length: {len(content)}")
        head = "\r\n".join(lines)
        if not head.count("\r") == head.count("\n") == len(lines) - 1:
            message = "a header holds a line break"
            raise ValueError(message)
        return f"{head}\r\n\r\n".encode("latin-1")

    def _take_idle(self) -> Connection | None:
        youngest = self._clock.monotonic() - KEPT_SECONDS
        while self._idle:
            since, connection = self._idle.pop()
            if connection.free and since > youngest:
                return connection
            connection.close()
        return None

    def _put_back(self, connection: Connection) -> None:
        if connection.free and not self._closed and len(self._idle) < KEPT:
            self._idle.append((self._clock.monotonic(), connection))
        else:
            connection.close()

    async def _connect(self) -> Connection:
        """Connect to the first of the server's addresses that accepts in time."""
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        for *_, address in await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM):
            try:
                async with asyncio.timeout(self._patience):
                    return await self._connect_to(str(address[0]))
            except OSError as error:
                failure = error
        raise failure or OSError("the server has no address")

    async def _connect_to(self, address: str) -> Connection:
        loop = asyncio.get_running_loop()
        server_name = self._host if self._tls is not None else None
        _, connection = await loop.create_connection(
            Connection, address, self._port, ssl=self._tls, server_hostname=server_name
        )
        return connection
