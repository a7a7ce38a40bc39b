"""Messages travel over TLS; a server whose certificate cannot be verified gets none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from angarium.platform.broker.port import BrokerUnavailable, Topology
from angarium.platform.broker.rabbitmq.broker import RabbitMQBroker
from angarium.platform.clock import SystemClock
from angarium.platform.telemetry.logging import Logger
from tests.conformance.broker.messages import bodies, collect, numbered
from tests.support.certificates import Certificates, make_certificates
from tests.support.servers import RabbitMQ

pytestmark = pytest.mark.distributed


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)


@pytest.fixture
async def url(rabbitmq: RabbitMQ, rabbitmq_url: str, certificates: Certificates) -> AsyncIterator[str]:
    """The server behind a door that speaks TLS."""

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", rabbitmq.port)
        await asyncio.gather(_pass(reader, inner_writer), _pass(inner_reader, writer))

    door = await asyncio.start_server(enter, "127.0.0.1", 0, ssl=certificates.server)
    parts = urlsplit(rabbitmq_url)
    port = door.sockets[0].getsockname()[1]
    yield f"amqps://{parts.username}:{parts.password}@localhost:{port}{parts.path}"
    door.close()
    await door.wait_closed()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def test_what_is_published_is_received(
    url: str, certificates: Certificates, topology: Topology, logger: Logger
) -> None:
    broker = RabbitMQBroker(f"{url}?cafile={certificates.authority}", clock=SystemClock(), logger=logger)
    try:
        await broker.declare(topology)
        assert all(await broker.publish(numbered(300)))
        async with broker.consume("email", prefetch=100) as consumer:
            assert sorted(bodies(await collect(consumer, 300))) == list(range(300))
    finally:
        await broker.close()


async def test_a_server_without_an_authority_is_not_spoken_to(url: str, topology: Topology, logger: Logger) -> None:
    broker = RabbitMQBroker(url, clock=SystemClock(), logger=logger)
    with pytest.raises(BrokerUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await broker.declare(topology)
    await broker.close()
