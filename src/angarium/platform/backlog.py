"""A bounded in-memory queue of items that another system cannot accept at the moment."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from angarium.contracts.errors import Transient
from angarium.platform.loop import Loop

ItemT = TypeVar("ItemT")


class Backlog(Loop, Generic[ItemT]):
    """Holds items, in order, until `write` succeeds. As a loop it writes them as they arrive.

    `write` gets 1 to `batch` items, the oldest. When it raises a Transient, they stay and are written again after at
    most `longest_back_off` seconds. On any other error they are written one at a time, so that a faulty item does not
    affect the others. `lost` receives each item that is refused on its own, and the oldest item when there are more
    than `capacity`. An item is never dropped while it is being written.
    """

    pause = None

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[ItemT]], Awaitable[None]],
        *,
        lost: Callable[[ItemT], None],
        capacity: int = 10_000,
        batch: int = 500,
        longest_back_off: float = 2.0,
    ) -> None:
        super().__init__()
        self.name = name
        self.longest_back_off = longest_back_off
        self._write = write
        self._lost = lost
        self._capacity = capacity
        self._batch = batch
        self._held: deque[ItemT] = deque()
        self._flushing = asyncio.Lock()

    def __len__(self) -> int:
        """Number of waiting items, without those being written."""
        return len(self._held)

    def __bool__(self) -> bool:
        """True also when nothing waits."""
        return True

    def add(self, item: ItemT) -> None:
        """Add an item, which the loop will write."""
        self._held.append(item)
        self._drop_oldest()
        self.wake()

    async def once(self) -> bool:
        """Write all items. Raises Transient when the other system is unavailable."""
        async with self._flushing:
            while self._held:
                await self._write_oldest(self._batch)
        return False

    async def flush(self) -> bool:
        """Try once to write all items; return whether none are left. Stops at the first Transient."""
        try:
            await self.once()
        except Transient:
            return False
        return True

    async def _write_oldest(self, limit: int) -> None:
        # Removed before the write, so that `add` cannot drop an item that is being written.
        items = [self._held.popleft() for _ in range(min(limit, len(self._held)))]
        settled = False
        try:
            settled = await self._written(items)
        finally:
            if not settled:
                self._held.extendleft(reversed(items))
                self._drop_oldest()
                self.wake()
        if not settled:
            for _ in range(min(len(items), len(self._held))):
                await self._write_oldest(1)

    async def _written(self, items: Sequence[ItemT]) -> bool:
        """Whether the items are settled; if not, each must be written on its own. Raises Transient."""
        try:
            await self._write(items)
        except Transient:
            raise
        except Exception:  # noqa: BLE001 - whatever the other system has against them
            if len(items) > 1:
                return False
            self._lost(items[0])
        return True

    def _drop_oldest(self) -> None:
        while len(self._held) > self._capacity:
            self._lost(self._held.popleft())
