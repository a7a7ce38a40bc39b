"""Connections on which anything can be written, and what they cost the process."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.system import EmbeddedSystem


class Client:
    """One connection, on which anything can be written."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def write(self, data: bytes) -> None:
        """Send, as far as the server still takes it."""
        with suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def flood(self, piece: bytes, megabytes: int) -> None:
        """Send `piece` until that much is sent or the connection is closed."""
        for _ in range(megabytes * 1_048_576 // len(piece)):
            if self._reader.at_eof() or self._writer.is_closing():
                return
            await self.write(piece)

    async def answer(self, within: float = 5.0) -> tuple[int, dict[str, Any]]:
        """The status and body of the next answer."""
        async with asyncio.timeout(within):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            body = await self._reader.readexactly(int(length.partition(b":")[2]))
        return int(head.split(b" ", 2)[1]), json.loads(body)

    async def interim(self, within: float = 5.0) -> int:
        """The status of an answer that comes before the last one."""
        async with asyncio.timeout(within):
            return int((await self._reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1])

    async def closed(self, within: float = 5.0) -> bytes:
        """What came before the server closed."""
        said = b""
        async with asyncio.timeout(within):
            with suppress(ConnectionError):
                while part := await self._reader.read(65_536):
                    said += part
        return said


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def memory(system: EmbeddedSystem) -> float:
    """Megabytes that the process has resident."""
    process = system._processes["angarium"]
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def processor_time(system: EmbeddedSystem) -> float:
    """Seconds of processor time that the process has used; what else runs on the machine does not count."""
    process = system._processes["angarium"]
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
