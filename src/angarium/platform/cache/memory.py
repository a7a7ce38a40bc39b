"""The cache of a single process: nothing to install, nothing shared."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from angarium.platform.cache.port import Hears, Listener
from angarium.platform.clock import Clock


class MemoryCache:
    """At most `max_entries` values; the least recently used go first. Implements `Cache`.

    A ring is heard before `announce` returns.
    """

    def __init__(self, clock: Clock, max_entries: int = 10_000) -> None:
        self._clock = clock
        self._max_entries = max_entries
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._listeners: dict[str, list[Listener]] = {}

    async def get_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        return [self._get(key) for key in keys]

    async def set_many(self, entries: Mapping[str, bytes], ttl: timedelta) -> bool:
        ends = self._clock.monotonic() + ttl.total_seconds()
        for key, value in entries.items():
            self._entries[key] = (ends, value)
            self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
        return True

    async def delete(self, keys: Sequence[str]) -> bool:
        for key in keys:
            self._entries.pop(key, None)
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
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry[1]
