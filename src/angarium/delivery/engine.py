"""The engine of every channel worker: claim → check → render → send → record → settle."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from angarium.contracts.messages import light_queue, urgent_queue, work_queue
from angarium.contracts.statuses import Channel
from angarium.delivery.burying import Burying
from angarium.delivery.claiming import Claiming
from angarium.delivery.leases import LeaseKeeper
from angarium.delivery.preparation import Preparation
from angarium.delivery.recording import Recorder
from angarium.delivery.sending import Sending
from angarium.delivery.slots import Slots
from angarium.delivery.work import Carrier, Finished, Ready, Step, Unrendered
from angarium.notifications.model import Claimed
from angarium.platform.broker.port import Broker, Consumer, Delivery
from angarium.platform.telemetry.correlation import bind_correlation
from angarium.platform.telemetry.logging import Logger

DRAIN = timedelta(seconds=25)
"""How long sends under way may take to finish after a stop."""


class Engine:
    """Delivers one channel. Composed by `delivery.composition`; `run` it, then `stop` it."""

    def __init__(
        self,
        *,
        channel: Channel,
        prefetch: int,
        broker: Broker,
        claiming: Claiming,
        burying: Burying,
        preparation: Preparation,
        sending: Sending,
        recorder: Recorder,
        leases: LeaseKeeper,
        slots: Slots,
        logger: Logger,
    ) -> None:
        self._channel = channel
        self._prefetch = prefetch
        self._broker = broker
        self._claiming = claiming
        self._burying = burying
        self._preparation = preparation
        self._sending = sending
        self._recorder = recorder
        self._leases = leases
        self._slots = slots
        self._logger = logger
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set, then finish what is under way (at most `DRAIN`) and return."""
        async with AsyncExitStack() as stack:
            keeper = asyncio.create_task(self._leases.run())
            stack.push_async_callback(_end, [keeper])
            lanes = [
                asyncio.create_task(self._lane(await self._open(stack, queue), urgent=urgent))
                for queue, urgent in (
                    (urgent_queue(self._channel), True),
                    (light_queue(self._channel), True),
                    (work_queue(self._channel), False),
                )
            ]
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait([stopped, keeper, *lanes], return_when=asyncio.FIRST_COMPLETED)
            await _end([stopped, *lanes])
            with self._sending.waiting_is_over():
                await self._drain()
            _raise_first([keeper, *lanes])

    async def _open(self, stack: AsyncExitStack, queue: str) -> Consumer:
        return await stack.enter_async_context(self._broker.consume(queue, prefetch=self._prefetch))

    async def _lane(self, consumer: Consumer, *, urgent: bool) -> None:
        """Take as many deliveries as there are slots, for ever.

        While one batch is claimed and prepared, slots come free and deliveries gather for the next: so batches grow
        with the load, as in a group commit.
        """
        while True:
            await self._slots.some_free(urgent=urgent)
            deliveries = await consumer.receive(max(1, self._slots.free(urgent=urgent)))
            await self._slots.take(len(deliveries), urgent=urgent)
            await asyncio.wait([self._start(self._process(deliveries, consumer))])

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._logger.error("engine.batch_failed", exc_info=task.exception())

    async def _process(self, deliveries: Sequence[Delivery], consumer: Consumer) -> None:
        """One batch, whose slots are held: claim, prepare, and start a send for each that is ready."""
        spare = len(deliveries)
        try:
            batch, verdicts, ahead = await self._claiming.claim(deliveries, consumer)
            claimed = [verdict for verdict in verdicts if isinstance(verdict, Claimed)]
            if batch.poison or len(claimed) < len(verdicts):
                self._start(self._burying.set_aside(batch, verdicts, consumer))
            for claim, step in zip(claimed, await self._claiming.prepare(claimed, ahead), strict=True):
                self._start(self._deliver(batch.carriers[claim.id], claim, step))
                spare -= 1
        finally:
            await self._slots.give_back(spare)

    async def _deliver(self, carrier: Carrier, claimed: Claimed, step: Step) -> None:
        """Send (where that is what is left to do), record, settle."""
        with bind_correlation(claimed.correlation_id, claimed.traceparent):
            step = await self._preparation.render(step) if isinstance(step, Unrendered) else step
            result = await self._sending.send(step) if isinstance(step, Ready) else step
            await self._recorder.finish(Finished(carrier, claimed, result))

    async def _drain(self) -> None:
        """Let what is under way finish; what does not in time is left to its lease."""
        try:
            async with asyncio.timeout(DRAIN.total_seconds()):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            self._logger.warning("engine.drain_timed_out", unfinished=len(self._tasks))
            await _end(self._tasks)


async def _end(tasks: Sequence[asyncio.Task[Any]] | set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _raise_first(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        error = None if task.cancelled() or not task.done() else task.exception()
        if error is not None:
            raise error
