"""The load generator: a separate process that reads one job per line as JSON and answers with one line.

It is a raw HTTP/1.1 client with persistent connections. It parses only the status and the length of an answer.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import uvloop

from benchmarks.body import Body
from benchmarks.statistics import percentile

CONNECT_AT_ONCE = 200
GIVE_UP_AFTER = 60.0  # seconds until an unfinished job is aborted
_OK = frozenset({"200", "202"})


@dataclass(frozen=True, slots=True)
class Job:
    """At most `count` requests, none of which starts after `seconds`.

    `rate`: requests per second, independent of earlier answers; 0: each connection sends again after each answer.
    `bulk`: the number of items per request. `start`: the first item's number.
    """

    port: int
    path: str
    headers: Mapping[str, str]
    item: str
    choices: Sequence[str]
    connections: int
    count: int
    seconds: float = 3600.0
    rate: float = 0.0
    bulk: int = 0
    start: int = 0


class Connection(asyncio.Protocol):
    """A connection with one request at a time."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.began = 0
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # TCP gives a Transport

    def ask(self, request: bytes, began: int) -> None:
        self.began, self.waiting = began, True
        self._transport.write(request)  # type: ignore[union-attr]  # connected before any job begins

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or len(self._buffer) < head + 4 + _length(self._buffer, head):
            return
        status, self._buffer = self._buffer[9:12].decode(), b""
        self.waiting = False
        self._run.answered(self, status)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        self._run.lost(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _length(answer: bytes, head: int) -> int:
    found = answer.lower().find(b"content-length:", 0, head)
    return int(answer[found + 15 : answer.index(b"\r\n", found)])


class Run:
    """The run of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        head = "".join(f"{name}: {value}\r\n" for name, value in job.headers.items())
        self._body = Body(job.item, job.choices, bulk=job.bulk, start=job.start)
        self._head = (
            f"POST {job.path} HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\n{head}"
            f"Content-Type: application/json\r\nContent-Length: {len(self._body.next(0))}\r\n\r\n"
        ).encode()
        self._body.rewind()
        self._idle: asyncio.Queue[Connection] = asyncio.Queue()
        self._begun = self._ended = 0
        self._latencies: list[float] = []
        self._statuses: Counter[str] = Counter()
        self._loop = asyncio.get_running_loop()
        self._done = self._loop.create_future()
        self._first = self._last = self._deadline = 0
        self._over = False

    async def run(self) -> Mapping[str, Any]:
        """Connect, send, and wait for the end."""
        connections = await self._connect()
        self._first = time.monotonic_ns()
        self._deadline = self._first + int(self._job.seconds * 1e9)
        if self._job.rate:
            await self._pace(connections)
        else:
            for connection in connections:
                self._next(connection)
        async with asyncio.timeout(self._job.seconds % 3600 + GIVE_UP_AFTER):
            await self._done
        self._over = True
        for connection in connections:
            connection.close()
        return self._report()

    async def _connect(self) -> list[Connection]:
        gate = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def connect() -> Connection:
            async with gate:
                _, protocol = await self._loop.create_connection(lambda: Connection(self), "127.0.0.1", self._job.port)
                return protocol

        return list(await asyncio.gather(*(connect() for _ in range(self._job.connections))))

    async def _pace(self, connections: Sequence[Connection]) -> None:
        """Start each request at its scheduled time, independent of earlier answers."""
        for connection in connections:
            self._idle.put_nowait(connection)
        start = self._loop.time()
        for number in range(min(self._job.count, int(self._job.rate * self._job.seconds))):
            await asyncio.sleep(start + number / self._job.rate - self._loop.time())
            self._ask(await self._idle.get())
        self._deadline = 0
        self._finish_if_done()

    def _next(self, connection: Connection) -> None:
        if self._begun < self._job.count and time.monotonic_ns() < self._deadline:
            self._ask(connection)
        else:
            self._deadline = 0
            self._finish_if_done()

    def _ask(self, connection: Connection) -> None:
        self._begun += 1
        now = time.monotonic_ns()
        connection.ask(self._head + self._body.next(now), now)

    def answered(self, connection: Connection, status: str) -> None:
        self._last = time.monotonic_ns()
        self._latencies.append((self._last - connection.began) / 1e6)
        self._statuses[status] += 1
        self._ended += 1
        if self._job.rate:
            self._idle.put_nowait(connection)
            self._finish_if_done()
        else:
            self._next(connection)

    def lost(self, connection: Connection) -> None:
        """Count a request without an answer. An idle connection may close."""
        if connection.waiting and not self._over:
            self._statuses["closed"] += 1
            self._ended += 1
            self._finish_if_done()

    def _finish_if_done(self) -> None:
        if not self._deadline and self._ended == self._begun and not self._done.done():
            self._done.set_result(None)

    def _report(self) -> Mapping[str, Any]:
        accepted = sum(count for status, count in self._statuses.items() if status in _OK) * max(1, self._job.bulk)
        seconds = (self._last - self._first) / 1e9 or 1e-9
        latencies = self._latencies or [0.0]
        return {
            "accepted": accepted,
            "statuses": dict(self._statuses),
            "seconds": seconds,
            "rate": accepted / seconds,
            "p50_ms": percentile(latencies, 0.5),
            "p99_ms": percentile(latencies, 0.99),
            "first_ns": self._first,
            "last_ns": self._last,
        }


async def _answer(line: str) -> Mapping[str, Any]:
    try:
        return await Run(Job(**json.loads(line))).run()
    except (OSError, TimeoutError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Run jobs until standard input ends."""
    for line in sys.stdin:
        print(json.dumps(uvloop.run(_answer(line))), flush=True)


if __name__ == "__main__":
    main()
