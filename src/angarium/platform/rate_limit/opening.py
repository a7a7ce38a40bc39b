"""Chooses the counter's adapter by the cache's URL."""

from contextlib import AsyncExitStack

from angarium.platform.clock import Clock
from angarium.platform.extras import extra_for
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.rate_limit.port import Counter
from angarium.platform.runtime import Runtime
from angarium.platform.settings.values import RateLimit
from angarium.platform.telemetry.logging import Logger


def open_limiter(limit: RateLimit | None, cache_url: str, runtime: Runtime, stack: AsyncExitStack) -> RateLimiter:
    """A limiter that counts in the Redis at `cache_url`, or in this process for `memory://`.

    Closed with `stack`. No I/O happens here. Raises SettingsError.
    """
    shared = _counter(cache_url, runtime.clock, runtime.logger)
    limiter = RateLimiter(limit, shared=shared, clock=runtime.clock, metrics=runtime.metrics)
    stack.push_async_callback(limiter.close)
    return limiter


def open_counter(cache_url: str, clock: Clock, logger: Logger, stack: AsyncExitStack) -> Counter | None:
    """A counter in the Redis at `cache_url`, closed with `stack`; None for `memory://`.

    No I/O happens here. Raises SettingsError.
    """
    counter = _counter(cache_url, clock, logger)
    if counter is not None:
        stack.push_async_callback(counter.close)
    return counter


def _counter(cache_url: str, clock: Clock, logger: Logger) -> Counter | None:
    if cache_url.startswith("memory://"):
        return None
    with extra_for("ANGARIUM_CACHE_URL"):
        from angarium.platform.rate_limit.redis import RedisCounter  # noqa: PLC0415 - an extra

    return RedisCounter(cache_url, clock=clock, logger=logger)
