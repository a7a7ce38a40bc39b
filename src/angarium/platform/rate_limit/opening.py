"""Chooses where calls are counted by the cache's URL."""

from angarium.platform.clock import Clock
from angarium.platform.extras import extra_for
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.rate_limit.port import Counter
from angarium.platform.settings.values import RateLimit
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics


def open_limiter(
    limit: RateLimit | None, cache_url: str, *, clock: Clock, logger: Logger, metrics: Metrics
) -> RateLimiter:
    """A limiter that counts in the Redis behind `cache_url`; in this process where that is `memory://`.

    No I/O happens here. Raises SettingsError.
    """
    return RateLimiter(limit, shared=_counter(cache_url, clock, logger), clock=clock, metrics=metrics)


def _counter(cache_url: str, clock: Clock, logger: Logger) -> Counter | None:
    if cache_url.startswith("memory://"):
        return None
    with extra_for("ANGARIUM_CACHE_URL"):
        from angarium.platform.rate_limit.redis import RedisCounter  # noqa: PLC0415 - an extra

    return RedisCounter(cache_url, clock=clock, logger=logger)
