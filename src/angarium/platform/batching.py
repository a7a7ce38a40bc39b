"""Group commit: everything that waits when a flush ends goes into the next one as a batch.

There is no timer: a single item is flushed at once, and batches grow under load.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from angarium.contracts.errors import Transient

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
_Entry = tuple[ItemT, "asyncio.Future[ResultT]", float]
"""An item, the future of its result, and its arrival by the loop's clock."""


class Overdue(Transient):
    """Too much waits already; try again"""


class GroupCommit(Generic[ItemT, ResultT]):
    """Collects the items of concurrent callers and passes them to `flush` in batches.

    `flush` gets 1 to `limit` items and returns as many results in the same order. When it raises a Transient, each
    caller of that batch gets it. On any other error each item is flushed on its own, so that a bad item does not fail
    the others. At most `flushers` batches run at once. Cancelling a caller discards its result, not its item: a flush
    that has started completes. `gather`, if given, is awaited before each batch is taken, with the number of waiting
    items; it can delay the batch when more items are about to arrive. `patience`, if given, bounds every wait, in
    seconds: when a flush takes longer, its callers and all waiting ones get `Overdue`. So does every new caller until
    that flush ends or while the oldest item has waited longer. The flush continues: an item whose caller got `Overdue`
    may still be written.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]],
        *,
        limit: int = 500,
        flushers: int = 2,
        gather: Callable[[int], Awaitable[None]] | None = None,
        patience: float | None = None,
    ) -> None:
        self._flush = flush
        self._gather = gather
        self._limit = limit
        self._patience = patience
        self._idle = flushers
        self._waiting: deque[_Entry[ItemT, ResultT]] = deque()
        self._overdue = 0  # running flushes that have taken longer than `patience`
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, item: ItemT) -> ResultT:
        """Return the result for `item` once its batch is flushed."""
        loop = asyncio.get_running_loop()
        now = self._admit(loop)
        future: asyncio.Future[ResultT] = loop.create_future()
        self._waiting.append((item, future, now))
        self._start()
        return await future

    async def submit_many(self, items: Sequence[ItemT]) -> list[ResultT]:
        """Return the results for `items`, in order; they may be split over several batches."""
        loop = asyncio.get_running_loop()
        now = self._admit(loop)
        futures: list[asyncio.Future[ResultT]] = [loop.create_future() for _ in items]
        self._waiting.extend((item, future, now) for item, future in zip(items, futures, strict=True))
        self._start()
        return list(await asyncio.gather(*futures))

    async def drain(self) -> None:
        """Return once nothing waits and nothing is being flushed."""
        while self._running:
            await asyncio.wait(self._running)

    def _admit(self, loop: asyncio.AbstractEventLoop) -> float:
        """The time of entry. Raises Overdue."""
        if self._patience is None:
            return 0.0
        now = loop.time()
        if self._overdue or (self._waiting and now - self._waiting[0][2] > self._patience):
            raise Overdue
        return now

    def _start(self) -> None:
        if self._idle and self._waiting:
            self._idle -= 1
            task = asyncio.create_task(self._work())
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _work(self) -> None:
        try:
            while self._waiting:
                if self._gather is not None:
                    await self._gather(len(self._waiting))
                count = min(self._limit, len(self._waiting))
                await self._flush_one([self._waiting.popleft() for _ in range(count)])
        finally:
            self._idle += 1

    async def _flush_one(self, batch: list["_Entry[ItemT, ResultT]"]) -> None:
        if self._patience is None:
            await self._flush_batch(batch)
            return
        given_up = False

        def give_up() -> None:
            nonlocal given_up
            given_up = True
            self._overdue += 1
            waiting = [*batch, *self._waiting]
            self._waiting.clear()
            for _, future, _ in waiting:
                if not future.done():
                    future.set_exception(Overdue())

        timer = asyncio.get_running_loop().call_later(self._patience, give_up)
        try:
            await self._flush_batch(batch)
        finally:
            timer.cancel()
            self._overdue -= given_up

    async def _flush_batch(self, batch: list["_Entry[ItemT, ResultT]"]) -> None:
        try:
            results = await self._flush([item for item, _, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers
            if len(batch) > 1 and not isinstance(error, Transient):
                for entry in batch:
                    await self._flush_batch([entry])
                return
            for _, future, _ in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future, _), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
