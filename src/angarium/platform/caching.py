"""What a process remembers, within bounds: the recently used, and short-lived copies that are loaded once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator
from datetime import timedelta
from typing import Generic, TypeVar

from angarium.platform.clock import Clock

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Lru(Generic[KeyT, ValueT]):
    """A mapping of at most `max_entries`; beyond that the least recently used entry is dropped."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[KeyT, ValueT] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: KeyT) -> bool:
        """Whether there is an entry; that is no use of it."""
        return key in self._entries

    def __iter__(self) -> Iterator[KeyT]:
        """The keys, the least recently used first."""
        return iter(self._entries)

    def get(self, key: KeyT) -> ValueT | None:
        """The value, which counts as used now; None: there is none."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: KeyT, value: ValueT) -> None:
        """Store `value`, which counts as used now."""
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
    """At most `max_entries` values, the least recently used go first; each lives for `ttl` (None: without end).

    `ttl` may be a function of seconds: what it says at the moment counts for all, also for what was kept before.
    None is an answer that is given but never kept. A value whose loading began before a `drop` of its key is
    given to those who waited for it and not kept, so nothing older than the drop survives it.
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
        """The living value, if there is one."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock.monotonic() - entry[0] >= self._life():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: KeyT, value: ValueT) -> None:
        """Keep `value` from now on."""
        self._entries[key] = (self._clock.monotonic(), value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def drop(self, key: KeyT) -> None:
        """Forget the value, and the one that is being loaded."""
        self._entries.pop(key, None)
        self._loading.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._loading.clear()

    async def get(self, key: KeyT, load: Callable[[], Awaitable[ValueT | None]]) -> ValueT | None:
        """The living value, or what `load` gives; concurrent callers of one key share one loading and its error.

        A caller that is cancelled leaves the loading to the others.
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
    # When every caller was cancelled none is left to receive the error.
    if not task.cancelled():
        task.exception()
