"""The sink: a separate process with an SMTP server that accepts every mail and records its id and time.

It reads commands from standard input and answers each with one line of JSON: `reset`; `wait COUNT SECONDS` (until COUNT
different mails have arrived, or none for SECONDS); `at_most COUNT SECONDS` (the same, but for at most SECONDS in
total); `report`. Its first line of output is its port.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import uvloop

from benchmarks.statistics import percentile

_STAMP = re.compile(rb"stamp-(\d{20})-(\d{10})")
_REPLIES = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 10000000\r\n",
    b"HELO": b"250 sink\r\n",
    b"MAIL": b"250 2.1.0 OK\r\n",
    b"RCPT": b"250 2.1.5 OK\r\n",
    b"RSET": b"250 2.0.0 OK\r\n",
    b"NOOP": b"250 2.0.0 OK\r\n",
    b"DATA": b"354 go ahead\r\n",
    b"QUIT": b"221 2.0.0 bye\r\n",
}


class Ledger:
    """The received mails."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.numbers: set[bytes] = set()
        self.mails = self.bytes = self.connections = 0
        self.first = self.last = 0
        self.latencies: list[float] = []

    def take(self, mail: bytes) -> None:
        now = time.monotonic_ns()
        self.first, self.last = self.first or now, now
        self.mails += 1
        self.bytes += len(mail)
        found = _STAMP.search(mail)
        if found:
            self.numbers.add(found[2])
            self.latencies.append((now - int(found[1])) / 1e6)

    def report(self) -> Mapping[str, Any]:
        latencies = self.latencies or [0.0]
        return {
            "mails": self.mails,
            "different": len(self.numbers),
            "bytes": self.bytes,
            "connections": self.connections,
            "first_ns": self.first,
            "last_ns": self.last,
            "p50_ms": percentile(latencies, 0.5),
            "p99_ms": percentile(latencies, 0.99),
        }


class Session(asyncio.Protocol):
    """One connection. Accepts pipelined commands (RFC 2920)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._buffer = b""
        self._in_data = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._ledger.connections += 1
        self._transport = transport  # type: ignore[assignment]  # TCP gives a Transport
        transport.write(b"220 sink ESMTP\r\n")  # type: ignore[attr-defined]  # as above

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        replies: list[bytes] = []
        while self._step(replies):
            pass
        if replies and self._transport is not None:
            self._transport.write(b"".join(replies))
            if replies[-1].startswith(b"221"):
                self._transport.close()

    def _step(self, replies: list[bytes]) -> bool:
        end, size = (b"\r\n.\r\n", 5) if self._in_data else (b"\r\n", 2)
        at = self._buffer.find(end)
        if at < 0:
            return False
        unit, self._buffer = self._buffer[:at], self._buffer[at + size :]
        if self._in_data:
            self._in_data = False
            self._ledger.take(unit)
            replies.append(b"250 2.0.0 OK\r\n")
        else:
            verb = unit[:4].upper()
            self._in_data = verb == b"DATA"
            replies.append(_REPLIES.get(verb, b"502 5.5.1 what?\r\n"))
        return True


async def _wait(ledger: Ledger, count: int, patience: float) -> None:
    seen, since = -1, time.monotonic()
    while len(ledger.numbers) < count:
        if ledger.mails != seen:
            seen, since = ledger.mails, time.monotonic()
        if time.monotonic() - since > patience:
            return
        await asyncio.sleep(0.002)


async def _obey(ledger: Ledger, line: bytes) -> Mapping[str, Any]:
    command, *arguments = line.decode().split()
    if command == "reset":
        ledger.reset()
    elif command == "wait":
        await _wait(ledger, int(arguments[0]), float(arguments[1]))
    elif command == "at_most":
        with suppress(TimeoutError):
            async with asyncio.timeout(float(arguments[1])):
                await _wait(ledger, int(arguments[0]), float(arguments[1]))
    return ledger.report()


async def serve(session: Callable[[Ledger], asyncio.Protocol]) -> None:
    """Receive messages with a `session` per connection, and execute commands, until standard input ends."""
    loop = asyncio.get_running_loop()
    ledger = Ledger()
    server = await loop.create_server(lambda: session(ledger), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(json.dumps(await _obey(ledger, line)), flush=True)
    server.close()


if __name__ == "__main__":
    uvloop.run(serve(Session))
