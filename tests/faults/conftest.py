"""One distributed system for all fault tests. Its processes and servers are restarted before each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.servers import PostgreSQL, RabbitMQ, Redis
from tests.support.system import DistributedSystem, running

CONCURRENCY = 16
PREFETCH = 64
SETTINGS = {"RETRY_DELAYS": "1s,2s,4s,8s,16s", "WORKER_CONCURRENCY": str(CONCURRENCY), "WORKER_PREFETCH": str(PREFETCH)}


@pytest.fixture(scope="package")
def shared_sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def sink(shared_sink: SmtpSink) -> Iterator[SmtpSink]:
    """The SMTP sink. After each test its delays are removed."""
    yield shared_sink
    shared_sink.slow_down(0)


@pytest.fixture(scope="package")
def shared_system(
    shared_sink: SmtpSink,
    postgresql: PostgreSQL,
    rabbitmq: RabbitMQ,
    redis_server: Redis,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DistributedSystem]:
    for server in (postgresql, rabbitmq, redis_server):
        server.start_now()
    folder = tmp_path_factory.mktemp("distributed")
    system = DistributedSystem(
        folder, sink=shared_sink, postgresql=postgresql, rabbitmq=rabbitmq, redis=redis_server, settings=SETTINGS
    )
    with running(system):
        yield system


@pytest.fixture
async def system(shared_system: DistributedSystem, sink: SmtpSink) -> AsyncIterator[DistributedSystem]:
    """The system with all processes and servers running."""
    await shared_system.revive()
    async with shared_system.connected():
        yield shared_system
    await shared_system.revive()
