"""The server's HTTP/1.1 protocol, with limits on the size and time of requests.

uvicorn limits neither: an endless head would fill the memory, and a slow body would hold its connection.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from angarium.contracts.envelope import refusal
from angarium.contracts.errors import PayloadTooLarge, Rejected, ValidationFailed
from angarium.platform.http.server.lingering import LINGER_BYTES, LINGER_SECONDS, Lingering

WHOLE_ANSWER = "angarium.whole_answer"
"""An ASGI extension with which an app sends an answer in one call, at a third of the cost of two messages.

A function of scope, status, headers (including Content-Length) and body. Returns False if the app must send messages
instead. Raises ValueError for a header with a line break.
"""
Headers = Iterable[tuple[bytes, bytes]]
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(:[0-9]{0,5})?")
"""RFC 9110 §7.2, RFC 3986 §3.2.2."""


@dataclass(frozen=True, slots=True)
class Patience:
    """`head`, `body`: timeouts in seconds of a request's head and body; `head_bytes`: limit of the head.

    Trailers and chunk extensions (RFC 9112 §7.1) have the limits of a head.
    """

    head: float = 10.0
    body: float = 60.0
    head_bytes: int = 64 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """Answers a long head with 431, a slow request with 408 and malformed HTTP with 400, each with an envelope.

    A request that arrives in one piece needs no timer. If a request is answered before its body has arrived, up to 256
    KB of the rest are discarded within a second, then the connection is closed. A connection with unread data is closed
    by `Lingering`. Without `fast_paths` apps are not offered WHOLE_ANSWER.
    """

    def __init__(self, *args: Any, patience: Patience, fast_paths: bool = True, **named: Any) -> None:
        super().__init__(*args, **named)
        self._patience = patience
        self._fast_paths = fast_paths
        self._unread = 0  # bytes since the parser's last event
        self._asked = False  # whether a request has begun
        self._awaited: Literal["head", "body"] | None = "head"
        self._watched: Literal["head", "body"] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._hosts: list[bytes] | None = None  # the last valid one
        self._outlet: _Outlet | None = None
        self._lingering: Lingering | None = None
        self._unwanted: asyncio.TimerHandle | None = None  # ends the wait for the body of an answered request
        self._dropped = 0
        self._deaf = False  # the input is not HTTP

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._outlet = _Outlet(transport, self._finish)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._awaited = None
        self._watch()
        self._outlet = None
        self._want_no_more(False)
        if self._lingering is not None:
            self._lingering.end()
        super().connection_lost(exc)
        # break the reference cycle with this protocol, which would otherwise wait for the garbage collector
        self.cycle = self.scope = None  # type: ignore[assignment]  # as they are before the first request

    def data_received(self, data: bytes) -> None:
        if self._lingering is not None:
            self._lingering.drop(len(data))
            return
        if self._deaf:
            return
        self._unread += len(data)
        super().data_received(data)
        if self._unread > self._patience.head_bytes:
            self._refuse_head()
        self._watch()

    def on_message_begin(self) -> None:
        if self._lingering is not None:
            raise ConnectionAbortedError  # stops the parser: nothing more is answered
        self._awaited, self._asked = "head", True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._unread > self._patience.head_bytes and self._head_size() > self._patience.head_bytes:
            raise self._refuse_head()  # out of the parser, which must not go on
        self._check_host()
        # the parser reports trailers as headers; a list of its own keeps them out of the request
        self.scope["headers"] = list(self.headers)
        super().on_headers_complete()
        if self._fast_paths:
            self.scope["extensions"] = {WHOLE_ANSWER: self._answer_whole}  # type: ignore[dict-item]
        self.cycle.transport = self._outlet  # type: ignore[assignment]  # all that a cycle asks of a transport
        self._awaited, self._unread = "body", 0

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        if self._unwanted is not None:
            self._dropped += len(body)
            if self._dropped > LINGER_BYTES:
                self._want_no_more(False)
                self._finish()
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._unwanted is not None:
            self._want_no_more(False)
        self._awaited, self._asked, self._unread = None, False, 0
        self._watch()  # the next request has its own timeout, even if it began in the same packet
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._lingering is not None:
            self.server_state.total_requests += 1
            return
        if self._awaited == "body" and self.cycle.response_complete and not self.transport.is_closing():
            self._want_no_more(True)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer malformed HTTP with an envelope, too."""
        self._refuse(HTTPStatus.BAD_REQUEST, ValidationFailed(msg.rstrip(".")))

    def _answer_whole(self, scope: Scope, status: int, headers: Headers, body: bytes) -> bool:
        """See WHOLE_ANSWER. Does what the request's cycle does for an answer in parts."""
        cycle: RequestResponseCycle | None = self.cycle  # None once the connection is lost
        if cycle is None or cycle.scope is not scope or cycle.flow.write_paused or scope["method"] == "HEAD":
            return False
        lines = [b"%b: %b\r\n" % line for line in (*cycle.default_headers, *headers)]
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise ValueError("a header of an answer holds a line break")
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(b"".join((STATUS_LINE[status], head, b"\r\n", body)))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True

    def _want_no_more(self, unwanted: bool) -> None:
        """Whether the rest of the body is being discarded, for at most one second."""
        if self._unwanted is not None:
            self._unwanted.cancel()
        self._dropped = 0
        self._unwanted = self.loop.call_later(LINGER_SECONDS, self._finish) if unwanted else None

    def _finish(self) -> None:
        """Close the connection. If the client may still be sending, avoid a reset that would discard the response."""
        if self._lingering is not None or self.transport.is_closing():
            return
        if self._awaited is None and not self.pipeline and not self._deaf:
            self.transport.close()
        else:
            self._linger()

    def _stop_listening(self) -> None:
        """Stop reading. Requests that arrived whole are answered, then the connection closes."""
        self._deaf = True
        self._awaited = None
        self._watch()
        self.flow.pause_reading()
        self.cycle.keep_alive = False  # the last complete one

    def _linger(self) -> None:
        self.pipeline.clear()
        self._awaited = None
        self._watch()
        self._unset_keepalive_if_required()
        self._lingering = Lingering(self.transport, self.loop)

    def _watch(self) -> None:
        """Start the timer for the part that is expected next, counted from when the wait began."""
        if self._watched == self._awaited:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._watched = self._awaited
        if self._awaited is not None:
            self._timer = self.loop.call_later(getattr(self._patience, self._awaited), self._too_slow)

    def _too_slow(self) -> None:
        if self._asked:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, ValidationFailed("The request did not arrive in time"))
        else:
            self.transport.close()

    def _check_host(self) -> None:
        """Require exactly one valid Host header (RFC 9112 §3.2). Otherwise answer 400."""
        hosts = [value for name, value in self.headers if name == b"host"]
        if hosts == self._hosts:
            return
        if len(hosts) == 1 and _HOST.fullmatch(hosts[0]):
            self._hosts = hosts
        elif hosts or self.parser.get_http_version() != "1.0":
            error = ValidationFailed.of("Host", "must be there once, as a name or an address with an optional port")
            self._refuse(HTTPStatus.BAD_REQUEST, error)
            raise error  # out of the parser, which must not go on

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _refuse_head(self) -> Rejected:
        error = PayloadTooLarge("The head of the request is too large")
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, error)
        return error

    def _refuse(self, status: HTTPStatus, error: Rejected) -> None:
        """Answer, unless the response could be mistaken for that of another request, then close."""
        if self.transport.is_closing() or self._lingering is not None or self._deaf:
            return
        if self._may_answer():
            self.transport.write(_answer(status, error))
            self._linger()
        elif self._awaited == "body":
            self.transport.close()
        else:
            self._stop_listening()

    def _may_answer(self) -> bool:
        if self._awaited == "body":
            return not self.cycle.response_started
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first


class _Outlet:
    """The transport as a request's cycle sees it; `close` is delegated to the protocol."""

    __slots__ = ("close", "get_extra_info", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info
        self.close = close


def _answer(status: HTTPStatus, error: Rejected) -> bytes:
    body = refusal(error, None).model_dump_json().encode()
    head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return STATUS_LINE[status] + head.encode() + body
