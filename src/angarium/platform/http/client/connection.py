"""Kept-alive HTTP/1.1 connections to one server (RFC 9112).

For calls between services, which are small and frequent: a general client costs ten times the CPU per call.
"""

import asyncio
import select
import socket
import ssl
from collections.abc import Mapping
from typing import cast

import httptools
import httpx2

from angarium.platform.clock import Clock
from angarium.platform.http.client.exchange import AT_ONCE, KEPT, KEPT_SECONDS, Answer, ConnectionLost

_OK = 200
_PART = 64 * 1024
"""Bytes of a request written at once. The rest is held back, so that it is known to be unsent."""
_LONGEST_HEAD = 64 * 1024
_BODILESS = frozenset({"GET", "HEAD", "DELETE"})


class Connection(asyncio.Protocol):
    """Performs one exchange at a time. After any unexpected byte the connection is never `free` again.

    `most_read`: an answer's body is cut at this many bytes, after which the connection is not reused.
    """

    def __init__(self, most_read: int | None = None) -> None:
        self._transport: asyncio.Transport | None = None
        self._most_read = most_read
        self._unwritten: memoryview | bytes = b""
        self._paused = False
        self._parser = httptools.HttpResponseParser(self)
        self._awaited: asyncio.Future[Answer] | None = None
        self._without_body = False
        self._lasts = True
        self._forget()

    @property
    def free(self) -> bool:
        """Whether the next request may use this connection."""
        transport = self._transport
        return (
            self._lasts
            and self._awaited is None
            and transport is not None
            and not transport.is_closing()
            and not transport.get_write_buffer_size()
        )

    @property
    def unsent(self) -> bool:
        """Whether part of the request is not written yet, so the server cannot have read all of it."""
        return bool(self._unwritten)

    def quiet(self) -> bool:
        """Whether the socket has nothing to read: neither the server's close nor other bytes."""
        if self._transport is None:
            return False
        arrived = select.poll()
        arrived.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not arrived.poll(0)

    def ask(self, request: bytes, *, without_body: bool) -> asyncio.Future[Answer]:
        """Send a request and return the answer. Raises ConnectionLost. `without_body`: it is a HEAD."""
        awaited = self._awaited = asyncio.get_running_loop().create_future()
        self._without_body = without_body
        if self._transport is None or self._transport.is_closing():
            self._end(ConnectionLost("closed", unsent=True))
        elif len(request) <= _PART:
            self._transport.write(request)
        else:
            self._unwritten = memoryview(request)
            self._write_on()
        return awaited

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._write_on()

    def _write_on(self) -> None:
        while self._unwritten and not self._paused and self._transport is not None:
            part, self._unwritten = self._unwritten[:_PART], self._unwritten[_PART:]
            self._transport.write(part)

    def close(self) -> None:
        """Close immediately. A pending exchange fails."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(ConnectionLost(str(error)))
            self.close()

    def eof_received(self) -> None:
        if self._status and not self._bounded:
            self._complete()  # RFC 9112 §6.3: without a length a body ends with its connection

    def connection_lost(self, exc: Exception | None) -> None:
        self._lasts = False
        # EPIPE comes from writing alone: some of the request did not leave this machine.
        unsent = self.unsent or isinstance(exc, BrokenPipeError)
        self._end(ConnectionLost(str(exc or "closed"), unsent=unsent))

    def on_message_begin(self) -> None:
        if self._awaited is None:
            message = "an answer without a request"
            raise ValueError(message)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._head_size > _LONGEST_HEAD:
            message = "the head of the answer is too long"
            raise ValueError(message)
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        self._bounded = "content-length" in self._headers or "transfer-encoding" in self._headers
        if self._without_body and self._status >= _OK:
            self._complete()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._body_size += len(body)
        if self._most_read is not None and self._body_size > self._most_read and self._awaited is not None:
            self._complete()

    def on_message_complete(self) -> None:
        if self._status < _OK:
            self._forget()  # a 1xx goes before the answer
        elif self._awaited is not None:
            self._lasts = self._parser.should_keep_alive()
            self._end(Answer(self._status, self._headers, b"".join(self._body)))

    def _complete(self) -> None:
        self._lasts = False
        self._end(Answer(self._status, self._headers, b"".join(self._body)[: self._most_read]))

    def _end(self, outcome: Answer | ConnectionLost) -> None:
        awaited, self._awaited = self._awaited, None
        self._forget()
        self._lasts = self._lasts and not self._unwritten  # the rest of the request would be read as the next one
        self._unwritten = b""
        if awaited is None or awaited.done():
            return
        if isinstance(outcome, Answer):
            awaited.set_result(outcome)
        else:
            awaited.set_exception(outcome)

    def _forget(self) -> None:
        self._status = 0
        self._bounded = False
        self._head_size = self._body_size = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []


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
