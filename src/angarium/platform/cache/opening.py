"""Chooses the cache's adapter by its URL."""

from angarium.contracts.errors import SettingsError
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.cache.port import Cache
from angarium.platform.clock import Clock
from angarium.platform.extras import extra_for
from angarium.platform.telemetry.logging import Logger

SETTING = "ANGARIUM_CACHE_URL"
_REDIS = ("redis://", "rediss://")
_UNSUPPORTED = ("redis+sentinel://", "redis+cluster://")


def open_cache(url: str, *, clock: Clock, logger: Logger) -> Cache:
    """The cache behind `url`: `memory://`, or `redis(s)://…`. No I/O happens here. Raises SettingsError."""
    if url.startswith("memory://"):
        return MemoryCache(clock)
    if url.startswith(_REDIS):
        with extra_for(SETTING):
            from angarium.platform.cache.redis import RedisCache  # noqa: PLC0415 - an extra

        return RedisCache(url, logger=logger, clock=clock)
    for scheme in _UNSUPPORTED:
        if url.startswith(scheme):
            raise SettingsError(f"{SETTING}: {scheme} is not supported; use redis(s)://host:port/database")
    raise SettingsError(f"{SETTING}: must be memory:// or redis(s)://host:port/database")
