"""Chooses the cache's adapter by its URL."""

from contextlib import AsyncExitStack

from angarium.contracts.errors import SettingsError
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.cache.port import Cache
from angarium.platform.extras import extra_for
from angarium.platform.runtime import Runtime

SETTING = "ANGARIUM_CACHE_URL"
_REDIS = ("redis://", "rediss://")
_UNSUPPORTED = ("redis+sentinel://", "redis+cluster://")


def open_cache(url: str, runtime: Runtime, stack: AsyncExitStack) -> Cache:
    """The cache behind `url`: `memory://`, or `redis(s)://…`; closed with `stack`. No I/O happens here.

    Raises SettingsError.
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
    for scheme in _UNSUPPORTED:
        if url.startswith(scheme):
            raise SettingsError(f"{SETTING}: {scheme} is not supported; use redis(s)://host:port/database")
    raise SettingsError(f"{SETTING}: must be memory:// or redis(s)://host:port/database")
