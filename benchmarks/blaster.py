"""An SMTP client that sends prepared mails over pipelined connections, to measure the sink.

Each mail needs two round trips, as in RFC 2920: MAIL, RCPT and DATA in one write, then after the 354 the mail together
with the next three commands.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import uvloop

_COMMANDS = b"MAIL FROM:<notify@angarium.example>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n"
_MAIL = (
    b"Subject: stamp-%020d-%010d\r\n" + b"X-Header: something of the usual length\r\n" * 10 + b"\r\n" + b"text\r\n" * 60
)
_END = b"\r\n.\r\n"


class _Sender(asyncio.Protocol):
    """Sends its share of the mails. `done` is set at the end."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = deque(numbers)
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # TCP gives a Transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if data.startswith(b"220"):
            self._transport.write(b"EHLO blaster\r\n")
        elif b"354 " in data:
            self._transport.write(_MAIL % (time.monotonic_ns(), self._numbers.popleft()) + _END)
        elif b"250 2.0.0" in data and not self._numbers:
            self._transport.close()
        elif b"250 " in data and b"2.1." not in data:
            self._transport.write(_COMMANDS)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        self.done.set_result(None)


async def _blast(port: int, count: int, connections: int) -> Mapping[str, Any]:
    loop, share = asyncio.get_running_loop(), count // connections
    began = time.monotonic()
    senders = [_Sender(range(first, first + share)) for first in range(0, share * connections, share)]
    for sender in senders:
        await loop.create_connection(partial(_same, sender), "127.0.0.1", port)
    async with asyncio.timeout(60):
        await asyncio.gather(*(sender.done for sender in senders))
    return {"mails": share * connections, "rate": share * connections / (time.monotonic() - began)}


def _same(sender: _Sender) -> _Sender:
    return sender


def main() -> None:
    """Read lines `PORT COUNT CONNECTIONS` until standard input ends."""
    for line in sys.stdin:
        port, count, connections = (int(word) for word in line.split())
        print(json.dumps(uvloop.run(_blast(port, count, connections))), flush=True)


if __name__ == "__main__":
    main()
