"""An in-process cache, not shared with other processes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from angarium.platform.cache.port import Hears, Listener
from angarium.platform.caching import Lru
from angarium.platform.clock import Clock


class MemoryCache:
    """An LRU cache of at most `max_entries` values. Implements `Cache`.

    Listeners are called before `announce` returns.
    """

    def __init__(self, clock: Clock, max_entries: int = 10_000) -> None:
        self._clock = clock
        self._entries: Lru[str, tuple[float, bytes]] = Lru(max_entries)
        self._listeners: dict[str, list[Listener]] = {}

    async def get_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        return [self._get(key) for key in keys]

    async def set_many(self, entries: Mapping[str, bytes], ttl: timedelta) -> bool:
        ends = self._clock.monotonic() + ttl.total_seconds()
        for key, value in entries.items():
            self._entries.put(key, (ends, value))
        return True

    async def delete(self, keys: Sequence[str]) -> bool:
        for key in keys:
            self._entries.drop(key)
        return True

    async def announce(self, topic: str, text: str) -> bool:
        for listener in tuple(self._listeners.get(topic, ())):
            try:
                await listener(text)
            except Exception as error:  # noqa: BLE001 - a listener's fault is not the announcer's
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"a listener of {topic} failed", "exception": error}
                )
        return True

    @asynccontextmanager
    async def listen(self, topic: str, listener: Listener) -> AsyncIterator[Hears]:
        listeners = self._listeners.setdefault(topic, [])
        listeners.append(listener)
        open_ = True
        try:
            yield lambda: open_
        finally:
            open_ = False
            listeners.remove(listener)

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        self._entries.clear()

    def _get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock.monotonic() >= entry[0]:
            self._entries.drop(key)
            return None
        return entry[1]
