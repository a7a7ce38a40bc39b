"""A RabbitMQ cluster of three nodes loses the leader of its queues, or its quorum."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.faults.conftest import SETTINGS
from tests.faults.load import Load
from tests.support.fault_table import note
from tests.support.servers import PostgreSQL, RabbitMQ, Redis
from tests.support.servers.cluster import ClusterNode
from tests.support.system import DistributedSystem, running

pytestmark = [pytest.mark.distributed, pytest.mark.long, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def nodes(servers_folder: Path) -> Iterator[Sequence[RabbitMQ]]:
    """A running cluster of three nodes."""
    folder = servers_folder / "cluster"
    with (
        RabbitMQ(folder / "1") as first,
        ClusterNode(folder / "2", first) as second,
        ClusterNode(folder / "3", first) as third,
    ):
        for node in (second, third):
            asyncio.run(node.join())
        yield first, second, third


@pytest.fixture(scope="module")
def clustered(
    nodes: Sequence[RabbitMQ],
    shared_sink: SmtpSink,
    postgresql: PostgreSQL,
    redis_server: Redis,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DistributedSystem]:
    """A system configured with all three nodes."""
    for server in (postgresql, redis_server):
        server.start_now()
    vhost = asyncio.run(nodes[0].create_vhost())
    places = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    settings = {**SETTINGS, "BROKER_URL": vhost.replace(f"127.0.0.1:{nodes[0].port}", places)}
    system = DistributedSystem(
        tmp_path_factory.mktemp("clustered"),
        sink=shared_sink,
        postgresql=postgresql,
        rabbitmq=nodes[0],
        redis=redis_server,
        settings=settings,
    )
    system.vhost = vhost
    with running(system):
        yield system


@pytest.fixture
async def system(clustered: DistributedSystem, sink: SmtpSink) -> AsyncIterator[DistributedSystem]:
    async with clustered.connected():
        yield clustered


@pytest.mark.fault(8, 64)
async def test_nothing_is_lost_if_the_leader_of_the_queues_is_killed(
    system: DistributedSystem, nodes: Sequence[RabbitMQ], volume: int
) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(0.02)
    await load.send_bulk(volume)
    sending = asyncio.create_task(load.send_for(10))
    await load.received(volume // 10)
    leader = await _leader(system, nodes)
    await nodes[leader].kill()
    await sending
    await load.all_sent(within=90 + volume / 20)
    await load.judge()
    await nodes[leader].start()
    replaced = sum("broker.confirms_lost" in line for line in system.tail("gateway", 0).splitlines())
    note(f"node {leader + 1} of 3 killed, {replaced} stalled channels replaced")


@pytest.mark.fault(64)
async def test_without_a_quorum_notifications_are_accepted_and_sent_later(
    system: DistributedSystem, nodes: Sequence[RabbitMQ], volume: int
) -> None:
    load = await Load.prepare(system)
    await load.send_bulk(volume // 10)
    await load.all_sent(within=60)
    for node in nodes[1:]:
        await node.kill()
    await load.send_bulk(volume)
    assert load.refusals == []
    for node in nodes[1:]:
        await node.start()
    await load.all_sent(within=120 + volume / 50)
    await load.judge()


async def _leader(system: DistributedSystem, nodes: Sequence[RabbitMQ]) -> int:
    """The index of the node that leads `email.queue`."""
    name = system.vhost.rpartition("/")[2]
    listed = await nodes[0].ctl("list_queues", "-p", name, "--no-table-headers", "name", "leader")
    [leader] = re.findall(r"^email\.queue\s+'?([\w@.-]+)", listed, flags=re.MULTILINE)
    return [node._node for node in nodes].index(leader)
