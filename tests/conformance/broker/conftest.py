"""Every broker adapter, with one topology that has each kind of queue."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from io import StringIO

import pytest

from angarium.platform.broker.linked.broker import LinkedBroker
from angarium.platform.broker.linked.serving import BrokerServer
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import Binding, Broker, Queue, Topology
from angarium.platform.broker.rabbitmq.broker import RabbitMQBroker
from angarium.platform.clock import SystemClock
from angarium.platform.link.link import Link
from angarium.platform.telemetry.logging import Logger, make_logger
from tests.support.servers import RabbitMQ

SHORT = timedelta(milliseconds=250)
LONG = timedelta(milliseconds=750)
TTL = timedelta(milliseconds=250)


@pytest.fixture
def log() -> StringIO:
    return StringIO()


@pytest.fixture
def logger(log: StringIO) -> Logger:
    return make_logger("tests", format="json", stream=log)


@pytest.fixture
def topology() -> Topology:
    return Topology(
        direct_exchanges=("work",),
        topic_exchanges=("events",),
        queues=(
            Queue("email", (Binding("work", "email"),)),
            Queue("email.urgent", (Binding("work", "email.urgent"),)),
            Queue("small", (Binding("work", "small"),), max_length=5),
            Queue("brief", (Binding("work", "brief"),), ttl=TTL),
            Queue("failed", (Binding("work", "failed"),)),
            Queue("audit", (Binding("events", "email.*"), Binding("events", "#.failed"))),
            Queue("sent", (Binding("events", "email.sent"),)),
        ),
        delays=(SHORT, LONG),
        dead_letter_key="failed",
        delay_queue="retry.{ms}.queue",
    )


@pytest.fixture(params=["memory", "linked", pytest.param("rabbitmq", marks=pytest.mark.distributed)])
async def undeclared(request: pytest.FixtureRequest, logger: Logger) -> AsyncIterator[Broker]:
    """A broker to which nothing was declared yet."""
    async with AsyncExitStack() as stack:
        broker: Broker
        if request.param == "memory":
            broker = MemoryBroker(SystemClock())
        elif request.param == "linked":
            broker = LinkedBroker(await _link_to(MemoryBroker(SystemClock()), logger, stack))
        else:
            server: RabbitMQ = request.getfixturevalue("rabbitmq")
            await server.start()
            url = await server.create_vhost()
            stack.push_async_callback(server.delete_vhost, url)
            broker = RabbitMQBroker(url, clock=SystemClock(), logger=logger)
        stack.push_async_callback(broker.close)
        yield broker


async def _link_to(broker: Broker, logger: Logger, stack: AsyncExitStack) -> Link:
    """The child's end of a link to a process with `broker`; here both ends are in one process."""
    stack.push_async_callback(broker.close)
    ours, theirs = socket.socketpair()
    parent, child = await Link.over(ours, logger), await Link.over(theirs, logger)
    for callback in (BrokerServer(broker, parent).close, parent.close, child.close):
        stack.push_async_callback(callback)
    return child


@pytest.fixture
async def broker(undeclared: Broker, topology: Topology) -> Broker:
    await undeclared.declare(topology)
    return undeclared
