"""One kept-alive HTTP/1.1 connection of a client (RFC 9112)."""

import asyncio
from typing import cast

import httptools

from angarium.platform.http.client.exchange import Answer, ConnectionLost

_OK = 200


class Connection(asyncio.Protocol):
    """Carries one exchange at a time. After anything that is not exactly its answer it is not `free` any more."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._awaited: asyncio.Future[Answer] | None = None
        self._without_body = False
        self._lasts = True
        self._forget()

    @property
    def free(self) -> bool:
        """Whether the next request can go over it."""
        transport = self._transport
        return (
            self._lasts
            and self._awaited is None
            and transport is not None
            and not transport.is_closing()
            and not transport.get_write_buffer_size()
        )

    def ask(self, request: bytes, *, without_body: bool) -> asyncio.Future[Answer]:
        """Send a whole request; what comes back for it, or ConnectionLost. `without_body`: it is a HEAD."""
        awaited = self._awaited = asyncio.get_running_loop().create_future()
        self._without_body = without_body
        if self._transport is None or self._transport.is_closing():
            self._end(ConnectionLost())
        else:
            self._transport.write(request)
        return awaited

    def close(self) -> None:
        """At once; what is awaited never comes."""
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
        self._end(ConnectionLost(str(exc or "closed")))

    def on_message_begin(self) -> None:
        if self._awaited is None:
            message = "an answer that nobody asked for"
            raise ValueError(message)

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        self._bounded = "content-length" in self._headers or "transfer-encoding" in self._headers
        if self._without_body and self._status >= _OK:
            self._complete()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._status < _OK:
            self._forget()  # a 1xx goes before the answer
        elif self._awaited is not None:
            self._lasts = self._parser.should_keep_alive()
            self._end(Answer(self._status, self._headers, b"".join(self._body)))

    def _complete(self) -> None:
        self._lasts = False
        self._end(Answer(self._status, self._headers, b"".join(self._body)))

    def _end(self, outcome: Answer | ConnectionLost) -> None:
        awaited, self._awaited = self._awaited, None
        self._forget()
        if awaited is None or awaited.done():
            return
        if isinstance(outcome, Answer):
            awaited.set_result(outcome)
        else:
            awaited.set_exception(outcome)

    def _forget(self) -> None:
        self._status = 0
        self._bounded = False
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
