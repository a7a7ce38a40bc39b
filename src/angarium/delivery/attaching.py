"""Reads attachments just before a send, within a memory limit per process."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from msgspec.structs import replace

from angarium.contracts.errors import Transient
from angarium.delivery.away import Away
from angarium.delivery.results import Results
from angarium.delivery.work import Ready
from angarium.notifications.model import Reason, Result
from angarium.notifications.options import File
from angarium.notifications.store.port import NotificationStore
from angarium.platform.clock import Clock

HELD_BYTES = 32 * 1024 * 1024
"""Limit of decoded attachments. A mail uses up to four times as much while it is built and sent."""
MOST_WAITING = 4
"""Notifications that wait for memory while holding a slot; further ones wait in their queue."""
_TURN_WAIT = timedelta(seconds=1)


class Attaching:
    """The attachments of one channel's sends."""

    def __init__(
        self, store: NotificationStore, results: Results, clock: Clock, *, held_bytes: int = HELD_BYTES
    ) -> None:
        self._store = store
        self._results = results
        self._away = Away(clock)
        self._room = _Room(held_bytes)

    @asynccontextmanager
    async def attached(self, ready: Ready) -> AsyncIterator[Ready | Result]:
        """Yields `ready` with its files, which use memory until the context ends, or a result that defers or ends it.

        Waiting, for memory or for an unavailable database, uses no attempt.
        """
        claimed = ready.claimed
        size = sum(info.size for info in claimed.options.attachments)
        if self._room.waiting >= MOST_WAITING and not self._room.has(size):
            yield self._results.deferred(claimed, _TURN_WAIT)
            return
        await self._room.take(size)
        try:
            yield await self._read(ready)
        finally:
            self._room.give_back(size)

    async def _read(self, ready: Ready) -> Ready | Result:
        claimed = ready.claimed
        infos = claimed.options.attachments
        try:
            contents = await self._store.attachments(claimed.id)
        except Transient:
            return self._results.deferred(claimed, self._away.wait())
        self._away.over()
        if [len(content) for content in contents] != [info.size for info in infos]:
            return self._results.failed(claimed, Reason("attachments_gone", "the attachments are not stored any more"))
        return replace(ready, files=tuple(File(info, content) for info, content in zip(infos, contents, strict=True)))


class _Room:
    """A FIFO memory limit. A request larger than the limit gets the whole limit."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._asking: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """Number of waiting requests."""
        return len(self._asking)

    def has(self, size: int) -> bool:
        """Whether `take` would return at once."""
        return not self._asking and self._free >= min(size, self._size)

    async def take(self, size: int) -> None:
        """Wait for `size` bytes. May be cancelled."""
        if self.has(size):
            self._free -= min(size, self._size)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (min(size, self._size), turn)
        self._asking.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(size)
            else:
                self._asking.remove(entry)
                self._let_in()
            raise

    def give_back(self, size: int) -> None:
        """Release what `take` acquired."""
        self._free += min(size, self._size)
        self._let_in()

    def _let_in(self) -> None:
        while self._asking and self._asking[0][0] <= self._free:
            size, turn = self._asking.popleft()
            self._free -= size
            turn.set_result(None)
