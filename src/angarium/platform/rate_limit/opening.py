"""Chooses where calls are counted by the cache's URL."""

from contextlib import AsyncExitStack

from angarium.platform.extras import extra_for
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.rate_limit.port import Counter
from angarium.platform.runtime import Runtime
from angarium.platform.settings.values import RateLimit


def open_limiter(limit: RateLimit | None, cache_url: str, runtime: Runtime, stack: AsyncExitStack) -> RateLimiter:
    """A limiter that counts in the Redis behind `cache_url`; in this process where that is `memory://`.

    Closed with `stack`. No I/O happens here. Raises SettingsError.
    """
    limiter = RateLimiter(limit, shared=_counter(cache_url, runtime), clock=runtime.clock, metrics=runtime.metrics)
    stack.push_async_callback(limiter.close)
    return limiter


def _counter(cache_url: str, runtime: Runtime) -> Counter | None:
    if cache_url.startswith("memory://"):
        return None
    with extra_for("ANGARIUM_CACHE_URL"):
        from angarium.platform.rate_limit.redis import RedisCounter  # noqa: PLC0415 - an extra

    return RedisCounter(cache_url, clock=runtime.clock, logger=runtime.logger)
