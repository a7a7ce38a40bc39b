"""Closing a connection whose client may still be sending, so that it can read the answer (RFC 9112 §9.6).

A socket that is closed with unread data in it is reset, and a reset may reach the client before it has read the answer.
"""

import asyncio
from collections.abc import Mapping

LINGER_BYTES = 256 * 1024
"""Bytes of a rejected body that are read and discarded before reading stops."""
LINGER_SECONDS = 1.0
LAST_SECONDS = 0.5
"""From when no more is read until the close: time for the client to read the answer."""


def has_body(headers: Mapping[str, str]) -> bool:
    """Whether a request with these headers (lower-case names) has a body (RFC 9112 §6.3)."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def is_short(headers: Mapping[str, str]) -> bool:
    """Whether the declared body is short enough to be discarded whole."""
    length = headers.get("content-length", "")
    return "transfer-encoding" not in headers and length.isdecimal() and int(length) <= LINGER_BYTES


class Lingering:
    """The end of one connection: what was written is sent, what arrives is dropped, then the transport is closed.

    It is closed after one second, half a second after 256 KB were read, or when the client closes. Nothing is stored.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._left = LINGER_BYTES
        self._timer = loop.call_later(LINGER_SECONDS, transport.close)
        if transport.can_write_eof():  # TLS has no half-closed connections here
            transport.write_eof()
        transport.resume_reading()

    def drop(self, size: int) -> None:
        """Count `size` bytes that arrived."""
        if self._left >= 0 > self._left - size:
            self._transport.pause_reading()  # no reset yet
            self._timer.cancel()
            self._timer = self._loop.call_later(LAST_SECONDS, self._transport.close)
        self._left -= size

    def end(self) -> None:
        """The connection is lost."""
        self._timer.cancel()
