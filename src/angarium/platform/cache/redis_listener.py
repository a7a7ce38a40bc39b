"""A Redis subscription that survives its connections."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from angarium.platform.cache.port import Listener
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

SILENCE = 5.0
"""Seconds without a message after which the connection is pinged."""
ANSWER = 2.0
"""Seconds to wait for the answer before the connection is closed."""
PAUSES = (0.1, 0.2, 0.5, 1.0)
"""Seconds before each attempt to reconnect; the last value repeats."""


class RedisListener:
    """Calls `listener` with each message of `channel`; with "" once whenever messages may have been missed."""

    def __init__(
        self, client: Redis, channel: str, listener: Listener, clock: Clock, logger: Logger, *, silence: float = SILENCE
    ) -> None:
        self._client = client
        self._channel = channel
        self._listener = listener
        self._clock = clock
        self._logger = logger
        self._silence = silence
        self._subscribed = asyncio.Event()
        self._hears = False
        self._missed = False
        self._failures = 0

    def hears(self) -> bool:
        """Whether it is subscribed on a live connection.

        A connection that died silently counts as live for up to 7 s.
        """
        return self._hears

    async def settle(self, timeout: float) -> None:  # noqa: ASYNC109 - giving up the wait is no error here
        """Return once subscribed, or after `timeout` seconds. From then on every gap is signalled with ""."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._subscribed.wait()
        self._missed = self._missed or not self._subscribed.is_set()

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                self._logger.warning("cache.listener_lost", channel=self._channel, error=type(error).__name__)
            self._missed = True
            await self._clock.sleep(PAUSES[min(self._failures, len(PAUSES) - 1)])
            self._failures += 1

    async def _listen(self) -> None:
        try:
            async with self._client.pubsub() as pubsub:
                await self._subscribe(pubsub)
                while True:
                    await self._next(pubsub)
        finally:
            self._hears = False

    async def _subscribe(self, pubsub: PubSub) -> None:
        await pubsub.subscribe(self._channel)
        await self._expect(pubsub, "subscribe")
        self._failures = 0
        self._subscribed.set()
        if self._missed:
            self._missed = False
            await self._ring("")
        self._hears = True

    async def _next(self, pubsub: PubSub) -> None:
        message = await pubsub.get_message(timeout=self._silence)
        if message is not None:
            await self._hear(message)
            return
        await pubsub.ping()
        await self._expect(pubsub, "pong")

    async def _expect(self, pubsub: PubSub, kind: str) -> None:
        async with asyncio.timeout(ANSWER):
            while (message := await pubsub.get_message(timeout=ANSWER)) is None or message["type"] != kind:
                if message is not None:
                    await self._hear(message)

    async def _hear(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "message":
            await self._ring(message["data"].decode(errors="replace"))

    async def _ring(self, text: str) -> None:
        try:
            await self._listener(text)
        except Exception:
            self._logger.exception("cache.listener_failed", channel=self._channel)
