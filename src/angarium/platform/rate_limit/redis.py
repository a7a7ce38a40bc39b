"""The shared counter on Redis (or Valkey)."""

import asyncio
from hashlib import sha256

from redis.exceptions import RedisError

from angarium.platform.cache.redis_client import open_redis
from angarium.platform.clock import Clock
from angarium.platform.rate_limit.port import SLOTS, Count, CounterUnavailable
from angarium.platform.settings.values import RateLimit
from angarium.platform.telemetry.logging import Logger

_COUNT = f"""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local limit, slot_length = tonumber(ARGV[1]), tonumber(ARGV[2])
local admitted, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
local slot = math.floor(now / slot_length)
local entries = redis.call('HGETALL', KEYS[1])
local used, oldest = 0, slot
for index = 1, #entries, 2 do
    local counted = tonumber(entries[index])
    if counted < slot - {SLOTS} then
        redis.call('HDEL', KEYS[1], entries[index])
    else
        used = used + tonumber(entries[index + 1])
        oldest = math.min(oldest, counted)
    end
end
local granted = math.max(0, math.min(wanted, limit - used - admitted))
if admitted + granted > 0 then
    redis.call('HINCRBY', KEYS[1], string.format('%d', slot), admitted + granted)
    redis.call('PEXPIRE', KEYS[1], math.ceil(slot_length * {SLOTS + 2} / 1000))
    used = used + admitted + granted
end
local wait = 0
if used >= limit then
    wait = math.max(0, (oldest + {SLOTS + 1}) * slot_length - now)
end
return {{granted, used, wait}}
"""
"""Uses the clock of Redis and a hash of calls by slot. Atomic."""
_MICROSECONDS = 1_000_000
REST_SECONDS = 1.0


class RedisCounter:
    """One hash per name, with a TTL slightly longer than its window. Implements `Counter`.

    No call takes longer than `timeout` seconds; after a failure, calls fail at once for a second.
    """

    def __init__(self, url: str, *, clock: Clock, logger: Logger, timeout: float = 0.25) -> None:
        self._client = open_redis(url, timeout)
        self._script = self._client.register_script(_COUNT)
        self._clock = clock
        self._logger = logger
        self._timeout = timeout
        self._rest_ends = float("-inf")
        self._failing = False

    async def count(self, name: str, limit: RateLimit, *, admitted: int = 0, wanted: int = 0) -> Count:
        if self._clock.monotonic() < self._rest_ends:
            raise CounterUnavailable
        slot_length = int(limit.period.total_seconds() * _MICROSECONDS / SLOTS)
        try:
            async with asyncio.timeout(self._timeout):
                granted, used, wait = await self._script(
                    keys=[_key(name, limit)], args=[limit.count, slot_length, admitted, wanted]
                )
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            raise CounterUnavailable from error
        self._answered()
        return Count(granted, used, wait / _MICROSECONDS)

    async def close(self) -> None:
        await self._client.aclose()

    def _failed(self, error: Exception) -> None:
        self._rest_ends = self._clock.monotonic() + REST_SECONDS
        if not self._failing:
            self._failing = True
            self._logger.warning("rate_limit.local", error=type(error).__name__)

    def _answered(self) -> None:
        if self._failing:
            self._failing = False
            self._logger.info("rate_limit.shared")


def _key(name: str, limit: RateLimit) -> str:
    """Names may contain any text; windows of different lengths are counted separately."""
    return f"angarium:rate:{int(limit.period.total_seconds())}:{sha256(name.encode()).hexdigest()[:32]}"
