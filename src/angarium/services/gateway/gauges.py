"""Gauges that are polled: queues, outbox, dead letters."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from angarium.contracts.errors import Transient
from angarium.contracts.messages import FAILED_QUEUE, light_queue, urgent_queue, work_queue
from angarium.contracts.statuses import Channel
from angarium.notifications.queue_waits import QueueWaits
from angarium.notifications.store.port import NotificationStore
from angarium.platform.broker.port import Broker
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime

WORK_QUEUES: Sequence[str] = tuple(name for channel in Channel for name in (work_queue(channel), urgent_queue(channel)))
QUEUES: Sequence[str] = (
    *(name for channel in Channel for name in (work_queue(channel), urgent_queue(channel), light_queue(channel))),
    FAILED_QUEUE,
)


class Gauges(Loop):
    """Refreshes the gauges. One that cannot be read keeps its last value."""

    name = "gauges"
    pause = 5.0
    longest_back_off = 5.0

    def __init__(
        self,
        *,
        store: NotificationStore,
        count_letters: Callable[[], Awaitable[int]],
        oldest_work: Callable[[], Awaitable[Mapping[str, datetime]]],
        broker: Broker,
        runtime: Runtime,
        waits: QueueWaits,
    ) -> None:
        super().__init__()
        self._store = store
        self._count_letters = count_letters
        self._oldest_work = oldest_work
        self._broker = broker
        self._metrics = runtime.metrics
        self._clock = runtime.clock
        self._waits = waits

    async def once(self) -> bool:
        """Refresh all gauges. Raises the first Transient after all were tried."""
        failed: Transient | None = None
        for ask in (self._queues, self._ages, self._outbox, self._letters):
            try:
                await ask()
            except Transient as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return False

    async def _queues(self) -> None:
        found = await self._broker.stats(QUEUES)
        self._waits.observe(found)
        for stats in found:
            self._metrics.queue_messages.labels(stats.name).set(stats.messages)
            self._metrics.queue_consumers.labels(stats.name).set(stats.consumers)

    async def _ages(self) -> None:
        """Seconds that the oldest work of each queue has been due; 0 if none waits."""
        oldest, now = await self._oldest_work(), self._clock.now()
        for queue in WORK_QUEUES:
            age = (now - oldest[queue]).total_seconds() if queue in oldest else 0.0
            self._metrics.queue_oldest_age_seconds.labels(queue).set(max(0.0, age))

    async def _outbox(self) -> None:
        self._metrics.outbox_pending.set(await self._store.outbox_pending())

    async def _letters(self) -> None:
        self._metrics.dead_letters.set(await self._count_letters())
