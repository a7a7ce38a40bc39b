"""The shared cache on Redis (or Valkey), which may become unavailable at any time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from angarium.platform.cache.port import Hears, Listener
from angarium.platform.cache.redis_client import open_redis
from angarium.platform.cache.redis_listener import RedisListener
from angarium.platform.clock import Clock, SystemClock
from angarium.platform.telemetry.logging import Logger

AnswerT = TypeVar("AnswerT")


class RedisCache:
    """Stores keys unchanged in the database that `url` names. Implements `Cache`.

    No call takes longer than `timeout` seconds. After a failure every call is a miss for `rest` seconds, then a single
    call tries again. So a Redis that is down or hung costs one short wait per `rest`.
    """

    def __init__(
        self, url: str, *, logger: Logger, timeout: float = 0.25, rest: float = 1.0, clock: Clock | None = None
    ) -> None:
        self._logger = logger
        self._timeout = timeout
        self._rest = rest
        self._clock = clock or SystemClock()
        self._client = open_redis(url, timeout)
        self._failing = False
        self._rest_ends = 0.0

    async def get_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        if not keys:
            return []
        values = await self._ask(lambda client: client.mget(keys))
        if values is None:
            return [None] * len(keys)
        return [value if isinstance(value, bytes) else None for value in values]

    async def set_many(self, entries: Mapping[str, bytes], ttl: timedelta) -> bool:
        if not entries:
            return True
        return await self._ask(lambda client: _set_many(client, entries, ttl)) is not None

    async def delete(self, keys: Sequence[str]) -> bool:
        if not keys:
            return True
        return await self._ask(lambda client: client.delete(*keys)) is not None

    async def announce(self, topic: str, text: str) -> bool:
        return await self._ask(lambda client: client.publish(channel(topic), text)) is not None

    def listen(self, topic: str, listener: Listener) -> AbstractAsyncContextManager[Hears]:
        return self._listening(RedisListener(self._client, channel(topic), listener, self._clock, self._logger))

    async def ready(self) -> bool:
        return bool(await self._ask(lambda client: client.ping()))

    async def close(self) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def _listening(self, subscription: RedisListener) -> AsyncIterator[Hears]:
        task = asyncio.create_task(subscription.run())
        try:
            await subscription.settle(self._timeout)
            yield subscription.hears
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _ask(self, question: Callable[[Redis], Awaitable[AnswerT]]) -> AnswerT | None:
        if self._resting():
            return None
        try:
            async with asyncio.timeout(self._timeout):
                answer = await question(self._client)
        except ResponseError as error:
            # It answers with an error: full memory, a replica, a missing permission. Other commands may still succeed.
            self._logger.warning("cache.refused", error=str(error))
            return None
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return None
        self._answered()
        return answer

    def _resting(self) -> bool:
        now = self._clock.monotonic()
        if self._failing and now < self._rest_ends:
            return True
        # Only the first caller after the rest tries; the others continue to rest until its result is known.
        self._rest_ends = now + self._rest
        return False

    def _failed(self, error: Exception) -> None:
        self._rest_ends = self._clock.monotonic() + self._rest
        if not self._failing:
            self._failing = True
            self._logger.warning("cache.down", error=type(error).__name__)

    def _answered(self) -> None:
        if self._failing:
            self._failing = False
            self._logger.info("cache.up")


def channel(topic: str) -> str:
    """The pub/sub channel of a topic; channels are shared by all databases of a Redis."""
    return f"angarium:{topic}"


async def _set_many(client: Redis, entries: Mapping[str, bytes], ttl: timedelta) -> bool:
    milliseconds = max(1, int(ttl.total_seconds() * 1000))
    async with client.pipeline(transaction=False) as pipeline:
        for key, value in entries.items():
            pipeline.set(key, value, px=milliseconds)
        await pipeline.execute()
    return True
