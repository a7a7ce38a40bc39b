"""PostgreSQL with a synchronous standby: the primary is killed under load, and the standby is promoted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.faults.conftest import CONCURRENCY, SETTINGS
from tests.faults.load import Load
from tests.support.servers import PostgreSQL, RabbitMQ, Redis, Standby
from tests.support.system import DistributedSystem, running

pytestmark = [pytest.mark.distributed, pytest.mark.long, pytest.mark.timeout(300)]


@dataclass
class Pair:
    """A system and the two servers of its databases."""

    system: DistributedSystem
    primary: PostgreSQL
    standby: Standby


@pytest.fixture
def pair(
    servers_folder: Path, shared_sink: SmtpSink, rabbitmq: RabbitMQ, redis_server: Redis, tmp_path: Path
) -> Iterator[Pair]:
    """A system with synchronous replication: each commit is stored on both servers before it is confirmed."""
    for server in (rabbitmq, redis_server):
        server.start_now()
    folder = servers_folder / "pair"
    with PostgreSQL(folder / "primary") as primary, Standby(folder / "standby", primary) as standby:
        asyncio.run(primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'"))
        asyncio.run(primary.sql("SELECT pg_reload_conf()"))
        names = ("NOTIFICATIONS", "USERS", "TEMPLATES")
        urls = {f"{name}_DATABASE_URL": _both(asyncio.run(primary.create_database()), standby) for name in names}
        system = DistributedSystem(
            tmp_path / "system",
            sink=shared_sink,
            postgresql=primary,
            rabbitmq=rabbitmq,
            redis=redis_server,
            settings={**SETTINGS, **urls},
        )
        with running(system):
            yield Pair(system, primary, standby)


def _both(url: str, standby: Standby) -> str:
    head, _, name = url.rpartition("/")
    return f"{head},127.0.0.1:{standby.port}/{name}?target_session_attrs=read-write"


@pytest.fixture
async def connected(pair: Pair, sink: SmtpSink) -> AsyncIterator[Pair]:
    async with pair.system.connected():
        yield pair


@pytest.mark.fault(62)
async def test_nothing_is_lost_if_the_primary_dies_and_its_standby_is_promoted(connected: Pair, volume: int) -> None:
    load = await Load.prepare(connected.system)
    connected.system.sink.slow_down(0.01)
    await load.send_bulk(volume)
    sending = asyncio.create_task(load.send_for(15))
    await load.received(volume // 10)
    await connected.primary.kill()
    await connected.standby.promote()
    await sending
    await load.all_sent(within=60 + volume / 20)
    await load.judge(window=CONCURRENCY)
