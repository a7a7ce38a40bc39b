"""Lingering close (RFC 9112 §9.6): lets a client that may still be sending read the answer before the close.

Closing a socket with unread data sends a reset, which may reach the client before it has read the answer.
"""

import asyncio
from collections.abc import Mapping

LINGER_BYTES = 256 * 1024
"""Bytes of a rejected body that are read and discarded before reading stops."""
LINGER_SECONDS = 1.0
LAST_SECONDS = 0.5
"""Seconds from the end of reading to the close: time for the client to read the answer."""


def has_body(headers: Mapping[str, str]) -> bool:
    """Whether headers (lower-case names) announce a body (RFC 9112 §6.3)."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def is_short(headers: Mapping[str, str]) -> bool:
    """Whether the declared body is short enough to be discarded whole."""
    length = headers.get("content-length", "")
    return "transfer-encoding" not in headers and length.isdecimal() and int(length) <= LINGER_BYTES


class Lingering:
    """Ends one connection: sends pending output, discards input, then closes the transport.

    Closes after one second, half a second after 256 KB were read, or when the client closes. Stores nothing.
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
        """Handle the loss of the connection."""
        self._timer.cancel()
