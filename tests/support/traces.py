"""All stored data of a running system as text, to check that certain data is stored nowhere."""

import asyncio
import sqlite3
import subprocess
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
from redis.asyncio import Redis

from tests.support.servers.binaries import find
from tests.support.system import DistributedSystem, System

_READERS = {
    "string": lambda redis, key: redis.get(key),
    "hash": lambda redis, key: redis.hgetall(key),
    "list": lambda redis, key: redis.lrange(key, 0, -1),
    "set": lambda redis, key: redis.smembers(key),
    "zset": lambda redis, key: redis.zrange(key, 0, -1, withscores=True),
    "stream": lambda redis, key: redis.xrange(key),
}


async def traces(system: System) -> dict[str, str]:
    """The data by place: logs and database files; in the distributed form databases, cache and queues."""
    found = {"logs": system.logs()}
    found |= {path.name: _dump_file(path) for path in system.data_dir.glob("*.sqlite3")}
    if isinstance(system, DistributedSystem):
        found |= {name: await asyncio.to_thread(_dump_database, url) for name, url in system.databases.items()}
        found["redis"] = await _dump_redis(system.redis.url)
        found["queues"] = await queued(system)
    return found


async def holders(system: System, words: Iterable[str]) -> set[str]:
    """The places that contain one of `words`."""
    wanted = tuple(words)
    return {place for place, text in (await traces(system)).items() if any(word in text for word in wanted)}


async def queued(system: DistributedSystem) -> str:
    """The bodies of all messages in the queues. Each message is requeued at its position."""
    vhost = system.vhost.rpartition("/")[2]
    names = (await system.rabbitmq.ctl("list_queues", "-p", vhost, "--no-table-headers", "name")).split()
    bodies: list[bytes] = []
    async with await aio_pika.connect(system.vhost) as connection:
        channel = await connection.channel()
        for name in names:
            queue = await channel.get_queue(name, ensure=False)
            while (message := await queue.get(fail=False)) is not None:
                bodies.append(message.body)
        await channel.close()
    return "\n".join(body.decode("utf-8", "replace") for body in bodies)


def _dump_file(path: Path) -> str:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()


def _dump_database(url: str) -> str:
    if url.startswith("mysql"):
        parts = urlsplit(url)
        where = ["--no-defaults", "-h", str(parts.hostname), "-P", str(parts.port), "-u", str(parts.username)]
        options = ["--no-create-info", "--skip-opt", "--single-transaction", parts.path[1:]]
        command = [find("mariadb-dump", "mariadb-client", ()), *where, *options]
    else:
        command = [find("pg_dump", "postgresql-client", ()), "--data-only", url]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=True).stdout  # noqa: S603 - ours


async def _dump_redis(url: str) -> str:
    async with Redis.from_url(url, decode_responses=True, encoding_errors="replace") as redis:
        keys = [key async for key in redis.scan_iter(count=1000)]
        return "\n".join([f"{key} {await _READERS[str(await redis.type(key))](redis, key)}" for key in keys])
