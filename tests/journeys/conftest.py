"""One running system of each form for all journeys: the same journeys, unchanged, over each.

`embedded-plain` is the embedded form without its fast paths (docs/fast-paths.md).
"""

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.servers import PostgreSQL, RabbitMQ, Redis
from tests.support.system import DistributedSystem, EmbeddedSystem, System, running
from tests.support.twilio_sink import TwilioSink


@pytest.fixture(scope="package")
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture(scope="package")
def twilio() -> Iterator[TwilioSink]:
    """The second provider of SMS, which sends while the first one's breaker is open."""
    with TwilioSink() as sink:
        yield sink


EMBEDDED: Mapping[str, Mapping[str, str]] = {"embedded": {}, "embedded-plain": {"FAST_PATHS": "off"}}


@pytest.fixture(scope="package", params=[*EMBEDDED, pytest.param("distributed", marks=pytest.mark.distributed)])
def shared_system(
    request: pytest.FixtureRequest, sink: SmtpSink, twilio: TwilioSink, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    folder = tmp_path_factory.mktemp(request.param)
    settings = {"SMS_PROVIDERS": f"mailbox://,{twilio.url}", **EMBEDDED.get(request.param, {})}
    if request.param in EMBEDDED:
        with running(EmbeddedSystem(folder, sink=sink, settings=settings)) as system:
            yield system
        return
    postgresql: PostgreSQL = request.getfixturevalue("postgresql")
    rabbitmq: RabbitMQ = request.getfixturevalue("rabbitmq")
    redis: Redis = request.getfixturevalue("redis_server")
    for server in (postgresql, rabbitmq, redis):
        server.start_now()
    with running(
        DistributedSystem(folder, sink=sink, postgresql=postgresql, rabbitmq=rabbitmq, redis=redis, settings=settings)
    ) as distributed:
        yield distributed


@pytest.fixture
async def system(shared_system: System) -> AsyncIterator[System]:
    """The system, with a client in this test's event loop."""
    async with shared_system.connected():
        yield shared_system
