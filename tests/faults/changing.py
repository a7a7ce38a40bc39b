"""Tools of the fault tests to change a running system's settings and connections, and to query its database."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from angarium.testing.proxy import Proxy
from tests.support.system import DistributedSystem


@asynccontextmanager
async def restarted(system: DistributedSystem, name: str, settings: Mapping[str, str]) -> AsyncIterator[None]:
    """Run a process with additional settings within the block; at the end kill it and restart it without them."""
    await system.stop(name)
    system.own_settings[name] = settings
    try:
        await system.start(name)
        yield
    finally:
        system.own_settings.pop(name, None)
        await system.kill(name)


@asynccontextmanager
async def behind_a_proxy(system: DistributedSystem, name: str, setting: str) -> AsyncIterator[Proxy]:
    """Run a process that reaches the server of a setting (`BROKER_URL`, …) only through the returned proxy."""
    is_broker = setting == "BROKER_URL"
    url = system.vhost if is_broker else system.databases[setting.removesuffix("_DATABASE_URL")]
    server = system.rabbitmq if is_broker else system.postgresql
    async with Proxy("127.0.0.1", server.port) as proxy, restarted(system, name, {setting: proxy.through(url)}):
        try:
            yield proxy
        finally:
            proxy.restore()


@asynccontextmanager
async def database_of(system: DistributedSystem, name: str = "NOTIFICATIONS") -> AsyncIterator[asyncpg.Connection]:
    """A separate connection to one of the system's databases, as an operator would open it."""
    connection = await asyncpg.connect(system.databases[name])
    try:
        yield connection
    finally:
        await connection.close()


async def query(system: DistributedSystem, statement: str, *values: object) -> list[Mapping[str, Any]]:
    """The rows of one statement in the notification database."""
    async with database_of(system) as connection:
        return [dict(row) for row in await connection.fetch(statement, *values)]


async def outbox(system: DistributedSystem) -> int:
    """The number of messages that the broker has not confirmed yet."""
    [row] = await query(system, "SELECT count(*) AS count FROM outbox")
    return int(row["count"])
