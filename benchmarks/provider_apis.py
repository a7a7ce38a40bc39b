"""Compares the sends per second of one core with provider APIs to those of a simple loop with a general HTTP client.

The server is a process that answers every request immediately, so the figures are those of the client. Rounds
alternate. Prints medians and the CPU time of one send. Clients that are not installed are skipped.

    .venv/bin/python -m benchmarks.provider_apis
"""

import asyncio
import importlib
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import cast
from uuid import uuid4

import httpx2
import uvloop

from angarium.channels.api import Api, ApiProvider
from angarium.channels.email.message import Sender
from angarium.channels.email.providers.mailgun import Mailgun
from angarium.channels.email.providers.sendgrid import SendGrid
from angarium.channels.email.providers.ses import Ses
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Sent
from angarium.delivery.provider import Address, Outbound
from angarium.platform.clock import SystemClock
from angarium.platform.http.api.http1 import Http1Client
from angarium.platform.settings.values import ProviderUrl
from angarium.platform.telemetry.logging import make_logger
from angarium.rendering.content import EmailContent

SENDS = 2000
ROUNDS = 5
AT_ONCE = (16, 64)
_HEADERS = {"authorization": "Bearer key", "content-type": "application/json"}
_BODY = b"x" * 1500
_ANSWER = b"x-message-id: m1\r\ncontent-length: 28\r\n\r\n" + b'{"id":"m1","MessageId":"m1"}'
Send = Callable[[Outbound], Awaitable[object]]


class Responder(asyncio.Protocol):
    """Answers each complete request: 202 for SendGrid's path, otherwise 200."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            status = b"202" if b" /v3/mail/send" in head else b"200"
            self._transport.write(b"HTTP/1.1 " + status + b" OK\r\n" + _ANSWER)


async def respond() -> None:
    """Serve until killed. The first line of the output is the port."""
    server = await asyncio.get_running_loop().create_server(Responder, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def messages() -> Sequence[Outbound]:
    """A typical mail for each notification that is sent."""
    content = EmailContent("Your order", "<p>It is on its way.</p>" * 20, "It is on its way.\n" * 20)
    made = []
    for _ in range(SENDS):
        id_ = uuid4()
        made.append(
            Outbound(
                notification_id=id_,
                tenant="default",
                channel=Channel.EMAIL,
                attempt=1,
                message_key=str(id_),
                address=Address("ada@example.com", "Ada Lovelace"),
                content=content,
            )
        )
    return made


async def ways(origin: str, stack: AsyncExitStack) -> Mapping[str, Send]:
    """The measured ways to send, by name."""
    clock, sender = SystemClock(), Sender.parse("Northwind <notify@example.org>")
    client = Http1Client(clock)
    stack.push_async_callback(client.close)
    at = f"base_url={origin}"
    apis: Sequence[Api] = [
        SendGrid.of(ProviderUrl.parse(f"sendgrid://KEY@api?{at}"), sender),
        Mailgun.of(ProviderUrl.parse(f"mailgun://KEY@mg.example.org?{at}"), sender, clock),
        Ses.of(ProviderUrl.parse(f"ses://KEY:SECRET@eu-west-1?{at}"), sender, clock),
    ]
    logger = make_logger("bench", stream=io.StringIO())
    found: dict[str, Send] = {api.name: ApiProvider(api, client, clock=clock, logger=logger).send for api in apis}

    async def ours(_message: Outbound) -> object:
        return await client.request("POST", f"{origin}/v3/mail/send", headers=_HEADERS, body=_BODY)

    found["our client alone"] = ours
    general = await stack.enter_async_context(
        httpx2.AsyncClient(trust_env=False, limits=httpx2.Limits(max_connections=128, max_keepalive_connections=128))
    )

    async def plain(_message: Outbound) -> object:
        return await general.post(f"{origin}/v3/mail/send", headers=_HEADERS, content=_BODY)

    found["httpx2 alone"] = plain
    try:
        aiohttp = importlib.import_module("aiohttp")
    except ImportError:
        return found
    session = await stack.enter_async_context(aiohttp.ClientSession())

    async def other(_message: Outbound) -> None:
        async with session.post(f"{origin}/v3/mail/send", headers=_HEADERS, data=_BODY) as answer:
            await answer.read()

    found["aiohttp alone"] = other
    return found


async def measured(send: Send, sent: Sequence[Outbound], at_once: int) -> tuple[float, float]:
    """Sends per second, and microseconds of CPU per send."""
    left = iter(sent)

    async def some() -> None:
        for message in left:
            await send(message)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return SENDS / (time.perf_counter() - wall), (time.process_time() - cpu) / SENDS * 1e6


async def compare(origin: str) -> None:
    """Print a line for each way and each number of concurrent sends."""
    sent = messages()
    async with AsyncExitStack() as stack:
        found = await ways(origin, stack)
        for name in ("sendgrid", "mailgun", "ses"):
            assert isinstance(await found[name](sent[0]), Sent), name
        for at_once in AT_ONCE:
            figures: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
            for _ in range(ROUNDS):
                for name, send in found.items():
                    figures[name].append(await measured(send, sent, at_once))
            for name, values in figures.items():
                rate, cpu = (statistics.median(column) for column in zip(*values, strict=True))
                sys.stdout.write(f"{at_once:3} at once  {name:17} {rate:7,.0f}/s  {cpu:6,.0f} µs\n")


def main() -> None:
    """Measure with a responder process."""
    command = [sys.executable, "-m", "benchmarks.provider_apis", "respond"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as responder:  # noqa: S603 - ourselves
        try:
            assert responder.stdout is not None
            uvloop.run(compare(f"http://127.0.0.1:{responder.stdout.readline().strip()}"))
        finally:
            responder.kill()


if __name__ == "__main__":
    if sys.argv[1:] == ["respond"]:
        uvloop.run(respond())
    else:
        main()
