"""Chooses the cache's adapter by its URL."""

import re
from contextlib import AsyncExitStack

from angarium.contracts.errors import SettingsError
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.cache.port import Cache
from angarium.platform.extras import extra_for
from angarium.platform.runtime import Runtime

SETTING = "ANGARIUM_CACHE_URL"
_REDIS = ("redis://", "rediss://", "redis+sentinel://", "rediss+sentinel://")
_CLUSTER = re.compile(r"rediss?[+-]cluster://")
_FORMS = "redis(s)://host:port/database or redis+sentinel://host:port,host:port/database?master=name"


def open_cache(url: str, runtime: Runtime, stack: AsyncExitStack) -> Cache:
    """Open the cache at `url`, closed with `stack`: `memory://`, `redis(s)://…` or `redis+sentinel://…`.

    No I/O happens here. Raises SettingsError.
    """
    cache = _cache(url, runtime)
    stack.push_async_callback(cache.close)
    return cache


def _cache(url: str, runtime: Runtime) -> Cache:
    if url.startswith("memory://"):
        return MemoryCache(runtime.clock)
    if url.startswith(_REDIS):
        with extra_for(SETTING):
            from angarium.platform.cache.redis import RedisCache  # noqa: PLC0415 - an extra

        return RedisCache(url, logger=runtime.logger, clock=runtime.clock)
    if _CLUSTER.match(url):
        raise SettingsError(f"{SETTING}: Redis Cluster is not supported; use {_FORMS}")
    raise SettingsError(f"{SETTING}: must be memory://, {_FORMS}")
