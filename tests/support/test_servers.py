"""The private servers behave as other tests expect."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.servers import MariaDB, PostgreSQL, RabbitMQ, Redis, Server
from tests.support.wait import until

pytestmark = pytest.mark.distributed


def _reachable(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@pytest.fixture(params=["postgresql", "rabbitmq", "redis_server", "mariadb"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    server: Server = request.getfixturevalue(request.param)
    await server.start()
    yield server
    await server.start()


async def test_a_server_answers_at_its_url(server: Server) -> None:
    assert urlsplit(server.url).port == server.port
    assert _reachable(server.port)


async def test_a_server_restarts_on_the_same_port_after_a_stop_or_kill(server: Server) -> None:
    await server.stop()
    assert not _reachable(server.port)
    await server.start()
    assert _reachable(server.port)
    await server.kill()
    assert not _reachable(server.port)
    await server.start()
    assert _reachable(server.port)


async def test_starting_a_running_server_does_nothing(server: Server) -> None:
    await server.start()
    assert _reachable(server.port)


async def test_a_database_survives_a_kill(postgresql: PostgreSQL, postgresql_url: str) -> None:
    name = postgresql_url.rpartition("/")[2]
    await postgresql.kill()
    await postgresql.start()
    assert name in (await postgresql.sql("SELECT datname FROM pg_database")).split()


async def test_a_mariadb_database_survives_a_kill(mariadb: MariaDB, mariadb_url: str) -> None:
    name = mariadb_url.rpartition("/")[2]
    await mariadb.kill()
    await mariadb.start()
    assert await mariadb.sql(f"SHOW DATABASES LIKE '{name}'") == name


async def test_a_frozen_database_answers_only_after_it_is_thawed(postgresql: PostgreSQL) -> None:
    await postgresql.freeze()
    waiting = asyncio.create_task(postgresql.sql("SELECT 1"))
    done, _ = await asyncio.wait({waiting}, timeout=0.5)
    await postgresql.thaw()
    assert not done
    assert await waiting == "1"


async def test_virtual_hosts_are_separate_and_the_guest_has_access(rabbitmq: RabbitMQ, rabbitmq_url: str) -> None:
    other = await rabbitmq.create_vhost()
    names = (await rabbitmq.ctl("list_vhosts", "--no-table-headers")).split()
    assert {urlsplit(rabbitmq_url).path[1:], urlsplit(other).path[1:]} <= set(names)
    assert "guest" in await rabbitmq.ctl("list_permissions", "-p", urlsplit(other).path[1:])
    await rabbitmq.delete_vhost(other)


async def test_a_node_listens_on_loopback_only(rabbitmq: RabbitMQ) -> None:
    listeners = await rabbitmq.erlang("[element(5, L) || L <- rabbit_networking:active_listeners()].")
    assert "{0,0,0,0}" not in listeners.replace(" ", "")


async def test_a_flush_empties_redis(redis_server: Redis, redis_url: str) -> None:
    assert urlsplit(redis_url).port == redis_server.port
    await redis_server.flush()


async def test_a_server_ends_if_its_owner_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.support.servers import Redis; "
        f"server = Redis(Path({str(tmp_path / 'redis')!r})); server.start_now(); print(server.port, flush=True); "
        "sys.stdin.read()"
    )
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout
    port = int(await owner.stdout.readline())
    assert _reachable(port)
    owner.kill()
    await owner.communicate()
    await until(lambda: not _reachable(port))
