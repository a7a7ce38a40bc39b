"""Removes replayed and discarded dead letters from `failed.queue`, so that it follows the record."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from uuid import UUID

import msgspec

from angarium.contracts.messages import FAILED_KEY, FAILED_QUEUE, WORK_EXCHANGE
from angarium.notifications.messages import carried_headers
from angarium.notifications.store.port import NotificationStore
from angarium.platform.broker.port import Broker, Consumer, Delivery, Outgoing, QueueStats
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime

HOLD = 10_000
"""Messages that one pass holds at once; a longer queue is rotated instead."""
BATCH = 500
QUIET = 2.0
"""Seconds without a message after which a pass has seen the whole queue."""

TURN = 0x616E676A  # "angj": the advisory lock of the gateway that removes messages
Turn = Callable[[], AbstractAsyncContextManager[bool]]
"""Yields whether this process holds the lock, for the duration of the block."""


def _always() -> AbstractAsyncContextManager[bool]:
    return nullcontext(True)


class _Letter(msgspec.Struct):
    id: UUID


class Janitor(Loop):
    """Any number may run at once: each message is with one of them at a time, and the record decides.

    A check is cheap: messages are consumed only if the queue is longer than the list. Messages that are not dead
    letters (published by others) stay.
    """

    name = "janitor"
    pause = 15.0
    """A dead letter removed from the list is removed from the queue within a minute."""

    def __init__(
        self,
        *,
        store: NotificationStore,
        count_letters: Callable[[], Awaitable[int]],
        broker: Broker,
        runtime: Runtime,
        turn: Turn = _always,
    ) -> None:
        super().__init__()
        self._turn = turn
        self._store = store
        self._count_letters = count_letters
        self._broker = broker
        self._logger = runtime.logger
        self._surplus = 0

    async def once(self) -> bool:
        """Run `tidy`. Raises Transient if broker or store is unavailable."""
        await self.tidy()
        return False

    async def tidy(self) -> int:
        """Remove messages and return their number. Raises Transient if broker or store is unavailable."""
        [stats] = await self._broker.stats([FAILED_QUEUE])
        listed = await self._count_letters()
        if stats.messages <= listed + self._surplus:
            return 0
        async with self._turn() as mine:  # only one of several gateways rotates a long queue
            return await self._pass(stats, listed) if mine else 0

    async def _pass(self, stats: QueueStats, listed: int) -> int:
        turn = _Pass(self._store, self._broker, turn_over=stats.messages > HOLD)
        async with self._broker.consume(FAILED_QUEUE, prefetch=BATCH if turn.turn_over else HOLD) as consumer:
            await turn.run(consumer, stats.messages)
        self._surplus = max(0, stats.messages - turn.removed - listed)
        if turn.removed:
            self._logger.info("janitor.tidied", removed=turn.removed)
        return turn.removed


class _Pass:
    """One pass over every message.

    Existing dead letters are held until the end, so that none is seen twice, and then requeued.
    """

    def __init__(self, store: NotificationStore, broker: Broker, *, turn_over: bool) -> None:
        self.turn_over = turn_over
        self.removed = 0
        self._store = store
        self._broker = broker

    async def run(self, consumer: Consumer, messages: int) -> None:
        while messages > 0:
            try:
                deliveries = await asyncio.wait_for(consumer.receive(min(BATCH, messages)), QUIET)
            except TimeoutError:
                return
            messages -= len(deliveries)
            await self._judge(consumer, deliveries)

    async def _judge(self, consumer: Consumer, deliveries: Sequence[Delivery]) -> None:
        letters = {delivery: _letter_id(delivery) for delivery in deliveries}
        living = await self._store.living_letters({letter for letter in letters.values() if letter is not None})
        dead = [delivery for delivery, letter in letters.items() if letter is not None and letter not in living]
        await consumer.ack(dead)
        self.removed += len(dead)
        if self.turn_over:
            gone = set(dead)
            await self._to_the_end(consumer, [delivery for delivery in deliveries if delivery not in gone])

    async def _to_the_end(self, consumer: Consumer, kept: Sequence[Delivery]) -> None:
        """Move held dead letters to the end of the queue, so that they do not hide the messages after them."""
        copies = [
            Outgoing(
                WORK_EXCHANGE,
                FAILED_KEY,
                delivery.body,
                message_id=f"turned.{position}",
                headers=carried_headers(delivery.headers),
            )
            for position, delivery in enumerate(kept)
        ]
        taken = await self._broker.publish(copies)
        await consumer.ack([delivery for delivery, ok in zip(kept, taken, strict=True) if ok])
        await consumer.release([delivery for delivery, ok in zip(kept, taken, strict=True) if not ok])


def _letter_id(delivery: Delivery) -> UUID | None:
    try:
        return msgspec.json.decode(delivery.body, type=_Letter).id
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors, and so is a text that is not UTF-8
        return None
