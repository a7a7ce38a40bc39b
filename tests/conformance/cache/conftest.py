"""Every adapter of the cache, each on the real thing."""

import io
from collections.abc import AsyncIterator

import pytest

from angarium.platform.cache.memory import MemoryCache
from angarium.platform.cache.port import Cache
from angarium.platform.cache.redis import RedisCache
from angarium.platform.clock import SystemClock
from angarium.platform.telemetry.logging import Logger, make_logger
from tests.support.servers import Redis


@pytest.fixture
def logger() -> Logger:
    return make_logger("test", stream=io.StringIO(), format="json")


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.distributed)])
async def cache(request: pytest.FixtureRequest, logger: Logger) -> AsyncIterator[Cache]:
    opened: Cache
    if request.param == "memory":
        opened = MemoryCache(SystemClock(), max_entries=1000)
    else:
        server: Redis = request.getfixturevalue("redis_server")
        await server.start()
        await server.flush()
        opened = RedisCache(server.url, logger=logger, timeout=2.0)
    yield opened
    await opened.close()
