"""Bounded in-process caches: an LRU map, and short-lived copies that concurrent callers load once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator
from datetime import timedelta
from typing import Generic, TypeVar

from angarium.platform.clock import Clock

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Lru(Generic[KeyT, ValueT]):
    """A mapping of at most `max_entries`, which evicts the least recently used entry."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[KeyT, ValueT] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: KeyT) -> bool:
        """Whether there is an entry. Does not count as use."""
        return key in self._entries

    def __iter__(self) -> Iterator[KeyT]:
        """The keys, the least recently used first."""
        return iter(self._entries)

    def get(self, key: KeyT) -> ValueT | None:
        """Return the value and mark it as used; None if there is none."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: KeyT, value: ValueT) -> None:
        """Store `value` and mark it as used."""
        entries = self._entries
        entries[key] = value
        entries.move_to_end(key)
        while len(entries) > self._max_entries:
            entries.popitem(last=False)

    def drop(self, key: KeyT) -> None:
        """Remove the entry, if there is one."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Remove every entry."""
        self._entries.clear()

    def values(self) -> Iterator[ValueT]:
        """The values, the least recently used first."""
        return iter(self._entries.values())


class LocalCache(Generic[KeyT, ValueT]):
    """An LRU cache of at most `max_entries` values, each valid for `ttl` (None: no expiry).

    `ttl` may be a function that returns seconds; its current result applies to all values, including those stored
    before. None is returned but never cached. A value whose load began before a `drop` of its key is returned to its
    waiting callers and not cached, so nothing older than the drop survives.
    """

    def __init__(self, clock: Clock, *, max_entries: int, ttl: timedelta | Callable[[], float] | None) -> None:
        self._clock = clock
        self._max_entries = max_entries
        self._life = ttl if callable(ttl) else _always(ttl)
        self._entries: OrderedDict[KeyT, tuple[float, ValueT]] = OrderedDict()
        self._loading: dict[KeyT, asyncio.Task[ValueT | None]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def peek(self, key: KeyT) -> ValueT | None:
        """The cached value, if it has not expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock.monotonic() - entry[0] >= self._life():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: KeyT, value: ValueT) -> None:
        """Cache `value` from now on."""
        self._entries[key] = (self._clock.monotonic(), value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def drop(self, key: KeyT) -> None:
        """Remove the value, and do not cache one that is being loaded."""
        self._entries.pop(key, None)
        self._loading.pop(key, None)

    def clear(self) -> None:
        """Remove every value."""
        self._entries.clear()
        self._loading.clear()

    async def get(self, key: KeyT, load: Callable[[], Awaitable[ValueT | None]]) -> ValueT | None:
        """Return the cached value, or load it. Concurrent callers of one key share one load and its error.

        Cancelling a caller does not cancel the load for the others.
        """
        value = self.peek(key)
        if value is not None:
            return value
        return await asyncio.shield(self._loading.get(key) or self._start(key, load))

    def _start(self, key: KeyT, load: Callable[[], Awaitable[ValueT | None]]) -> asyncio.Task[ValueT | None]:
        task = asyncio.ensure_future(self._load(key, load))
        self._loading[key] = task
        task.add_done_callback(_retrieve)
        return task

    async def _load(self, key: KeyT, load: Callable[[], Awaitable[ValueT | None]]) -> ValueT | None:
        mine = asyncio.current_task()
        try:
            value = await load()
            if value is not None and self._loading.get(key) is mine:
                self.put(key, value)
            return value
        finally:
            if self._loading.get(key) is mine:
                del self._loading[key]


def _always(ttl: timedelta | None) -> Callable[[], float]:
    seconds = float("inf") if ttl is None else ttl.total_seconds()
    return lambda: seconds


def _retrieve(task: asyncio.Task[ValueT | None]) -> None:
    # If every caller was cancelled, no one is left to receive the error.
    if not task.cancelled():
        task.exception()
