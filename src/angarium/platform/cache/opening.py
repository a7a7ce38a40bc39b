"""Chooses the cache's adapter by its URL."""

from angarium.contracts.errors import SettingsError
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.cache.port import Cache
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

_REDIS = ("redis://", "rediss://", "redis+sentinel://", "redis+cluster://")


def open_cache(url: str, *, clock: Clock, logger: Logger) -> Cache:
    """The cache behind `url`: `memory://`, or a form of `redis(s)://`. No I/O happens here. Raises SettingsError."""
    if url.startswith("memory://"):
        return MemoryCache(clock)
    if url.startswith(_REDIS):
        from angarium.platform.cache.redis import RedisCache  # noqa: PLC0415 - an extra

        return RedisCache(url, logger=logger, clock=clock)
    raise SettingsError("ANGARIUM_CACHE_URL: must be memory:// or redis(s)://host:port/database")
