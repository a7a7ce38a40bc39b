"""A bounded queue in memory of items that another system does not take at the moment."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from angarium.platform.clock import Clock

ItemT = TypeVar("ItemT")


class Backlog(Generic[ItemT]):
    """Holds items until `write` has taken them, in their order.

    `write` gets 1 to `batch` items, the oldest, and returns whether they were taken; items that were not are written
    again after `pause` seconds. `lost` gets the oldest item when there are more than `capacity`. Items that are being
    written count as held until the write ends; none is dropped while it is written.
    """

    def __init__(
        self,
        write: Callable[[Sequence[ItemT]], Awaitable[bool]],
        *,
        lost: Callable[[ItemT], None],
        clock: Clock,
        capacity: int = 10_000,
        batch: int = 500,
        pause: float = 2.0,
    ) -> None:
        self._write = write
        self._lost = lost
        self._clock = clock
        self._capacity = capacity
        self._batch = batch
        self._pause = pause
        self._held: deque[ItemT] = deque()
        self._added = asyncio.Event()
        self._flushing = asyncio.Lock()

    def __len__(self) -> int:
        """How many items wait; those of a write under way are not counted."""
        return len(self._held)

    def add(self, item: ItemT) -> None:
        """Hold an item; `run` writes it."""
        self._held.append(item)
        self._drop_oldest()
        self._added.set()

    async def run(self) -> None:
        """Write items as they come, until cancelled."""
        while True:
            await self._added.wait()
            if not await self.flush():
                await self._clock.sleep(self._pause)

    async def flush(self) -> bool:
        """Write all that is held; whether everything was taken. Stops at the first batch that is not."""
        async with self._flushing:
            self._added.clear()
            while self._held:
                if not await self._write_some():
                    return False
            return True

    async def _write_some(self) -> bool:
        # Taken out before the write: what `add` drops meanwhile is then never an item that the write has taken.
        items = [self._held.popleft() for _ in range(min(self._batch, len(self._held)))]
        taken = False
        try:
            taken = await self._write(items)
        finally:
            if not taken:
                self._held.extendleft(reversed(items))
                self._drop_oldest()
                self._added.set()
        return taken

    def _drop_oldest(self) -> None:
        while len(self._held) > self._capacity:
            self._lost(self._held.popleft())
