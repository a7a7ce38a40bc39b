"""An HTTP server that answers every request with the same 202, to measure the load generator."""

import asyncio
import sys

import uvloop

_BODY = b'{"success":true,"data":{"notification_id":"' + b"0" * 36 + b'"},"pad":"' + b"-" * 420 + b'"}'
_ANSWER = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)


class _Answers(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._got = 0
        self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # TCP gives a Transport

    def data_received(self, data: bytes) -> None:
        if not self._wanted:
            found = data.index(b"Content-Length: ") + 16
            self._wanted = int(data[found : data.index(b"\r\n", found)]) + data.index(b"\r\n\r\n") + 4
        self._got += len(data)
        if self._got >= self._wanted and self._transport is not None:
            self._got = self._wanted = 0
            self._transport.write(_ANSWER)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answers, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    server.close()


if __name__ == "__main__":
    uvloop.run(_serve())
