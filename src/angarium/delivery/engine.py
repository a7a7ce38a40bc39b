"""The engine of every channel worker: claim → check → render → send → record → settle."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from angarium.contracts.messages import light_queue, urgent_queue, work_queue
from angarium.contracts.statuses import Channel
from angarium.delivery.breakers.keeper import BreakerKeeper
from angarium.delivery.burying import Burying
from angarium.delivery.claiming import Claiming
from angarium.delivery.held import BatchHeld, Held
from angarium.delivery.leases import LeaseKeeper
from angarium.delivery.preparation import Preparation
from angarium.delivery.recording import Recorder
from angarium.delivery.reputation import ReputationGuard
from angarium.delivery.sending import Sending
from angarium.delivery.slots import Lane, Slots
from angarium.delivery.tracing import DeliveryTracing, working_on
from angarium.delivery.work import Finished, Ready, Sorted, Step, Unrendered
from angarium.notifications.model import Claimed, Verdict
from angarium.platform.broker.port import Broker, BrokerUnavailable, Consumer, Delivery
from angarium.platform.clock import Clock
from angarium.platform.loop import run_loop
from angarium.platform.telemetry.logging import Logger

DRAIN = timedelta(seconds=25)
"""How long running sends may take to finish after a stop."""
STUCK_AFTER = timedelta(minutes=12)
"""How long work may wait without a slot becoming free. Longer than any send, including all its timeouts."""
_QUEUES = ((Lane.URGENT, urgent_queue), (Lane.LIGHT, light_queue), (Lane.ORDINARY, work_queue))
_AWAY_PAUSE = 0.5
_RESTART_PAUSE = 1.0


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
        clock: Clock,
        logger: Logger,
        keepers: Sequence[BreakerKeeper | ReputationGuard] = (),
        tracing: DeliveryTracing | None = None,
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
        self._keepers = keepers
        self._tracing = tracing
        self._clock = clock
        self._logger = logger
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set, then finish running sends (for at most `DRAIN`) and return.

        A lane or lease renewal that fails is restarted on its own. Raises BrokerUnavailable once the broker is closed.
        """
        async with AsyncExitStack() as stack:
            keeper = asyncio.create_task(self._kept("leases", self._leases.run))
            stack.push_async_callback(_end, [keeper])
            for beside in self._keepers:
                await stack.enter_async_context(self._in_step(beside))
            consumers = {lane: await self._open(stack, queue(self._channel)) for lane, queue in _QUEUES}
            stack.push_async_callback(self._recorder.close)
            stack.push_async_callback(_end, self._tasks)
            stopped = asyncio.create_task(stop.wait())
            lanes = [
                asyncio.create_task(self._kept(lane, partial(self._lane, lane, consumer)))
                for lane, consumer in consumers.items()
            ]
            stack.push_async_callback(_end, [stopped, *lanes])
            await asyncio.wait([stopped, keeper, *lanes], return_when=asyncio.FIRST_COMPLETED)
            await _end([stopped, *lanes])
            returned = asyncio.create_task(_stop(consumers.values()))
            stack.push_async_callback(_end, [returned])
            with self._sending.waiting_is_over():
                await self._drain()
            await asyncio.wait([returned])
            _raise_first([keeper, *lanes])

    def stuck(self) -> str | None:
        """Why nothing is delivered although messages wait, without confidential details; None while work progresses."""
        seconds = self._slots.waits_in_vain()
        if seconds <= STUCK_AFTER.total_seconds():
            return None
        since = f"{seconds / 60:.0f} minutes"
        return f"{self._channel} messages wait, and no send has finished for {since}: every slot is held"

    @asynccontextmanager
    async def _in_step(self, keeper: BreakerKeeper | ReputationGuard) -> AsyncIterator[None]:
        """Synchronise shared state with other workers."""
        keeping = asyncio.create_task(run_loop(keeper, clock=self._clock, logger=self._logger))
        try:
            yield
        finally:
            await _end([keeping])
            await keeper.leave()

    async def _open(self, stack: AsyncExitStack, queue: str) -> Consumer:
        return await stack.enter_async_context(self._broker.consume(queue, prefetch=self._prefetch))

    async def _kept(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run endless `work` and restart it after every error except the broker's end."""
        while True:
            try:
                await work()
            except BrokerUnavailable:
                raise
            except Exception:
                self._logger.exception("engine.part_restarts", part=name, channel=self._channel)
                await self._clock.sleep(_RESTART_PAUSE)

    async def _lane(self, lane: Lane, consumer: Consumer) -> None:
        """Endlessly take arrived messages, as many as the lane gets slots for, and process them.

        While a batch is claimed and prepared, slots become free and deliveries accumulate for the next one: batches
        grow with the load, as in a group commit. While nothing can be sent, it takes nothing, since fruitless claims
        cost the database as much as others.
        """
        pause = self._preparation.pause
        while True:
            await consumer.wait()
            if (seconds := max(pause.seconds, self._sending.paused_for())) > 0:
                await self._clock.sleep(seconds)
                continue
            with await self._slots.grant(lane, lambda: pause.most(consumer.waiting)) as slots:
                deliveries = consumer.take(slots.count)
                taken = slots.split(len(deliveries))
            if deliveries:
                batch = BatchHeld(taken, deliveries, consumer=consumer, leases=self._leases)
                await asyncio.wait([self._start(self._process(batch), batch)])

    def _start(self, work: Coroutine[Any, Any, None], owner: Held | BatchHeld | None = None) -> asyncio.Task[None]:
        """Start a task for `work`.

        `owner` releases what it holds even if the task is cancelled before its first step.
        """
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, owner))
        return task

    def _ended(self, owner: Held | BatchHeld | None, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if owner is not None:
            owner.give_back()
        if not task.cancelled() and task.exception() is not None:
            self._logger.error("engine.batch_failed", channel=self._channel, exc_info=task.exception())

    async def _process(self, batch: BatchHeld) -> None:
        """Claim and prepare a batch, and start a send for each notification that is ready."""
        async with batch:
            found, verdicts, ahead = await self._claiming.claim(batch.deliveries, batch.consumer)
            claimed = [verdict for verdict in verdicts if isinstance(verdict, Claimed)]
            held = batch.claim(claimed, found.carriers)
            if found.poison or len(claimed) < len(verdicts):
                self._start(self._put_aside(batch.hand_on_unclaimed(), found, verdicts, batch.consumer))
            for one, step in zip(held, await self._claiming.prepare(claimed, ahead), strict=True):
                self._start(self._deliver(one, step), batch.hand_on(one))

    async def _put_aside(
        self, unclaimed: Sequence[Delivery], found: Sorted, verdicts: Sequence[Verdict], consumer: Consumer
    ) -> None:
        """Settle deliveries without a claim; if our code fails on them, they return to the queue."""
        async with AsyncExitStack() as unsettled:
            unsettled.push_async_callback(consumer.release, unclaimed)
            try:
                await self._burying.set_aside(found, verdicts, consumer)
            except Exception:
                await self._clock.sleep(_AWAY_PAUSE)  # it is redelivered at once
                raise
            unsettled.pop_all()

    async def _deliver(self, held: Held, step: Step) -> None:
        """Send (if the step is a send), record, settle."""
        claimed = held.claimed
        with working_on(held, self._tracing) as span:
            try:
                async with held:
                    step = await self._preparation.render(step) if isinstance(step, Unrendered) else step
                    result = await self._sending.send(step) if isinstance(step, Ready) else step
                    if span is not None:
                        span.resulted(result)
                    await self._recorder.finish(Finished(held.carrier, claimed, result, held.give_back))
            except Exception:
                self._logger.exception("delivery.failed", notification_id=str(claimed.id), channel=claimed.channel)

    async def _drain(self) -> None:
        """Let running sends finish; those that do not in time are left to their lease."""
        done, overdue = asyncio.create_task(self._idle()), asyncio.create_task(self._clock.sleep(DRAIN.total_seconds()))
        try:
            await asyncio.wait([done, overdue], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end([done, overdue])
        if self._tasks:
            self._logger.warning("engine.drain_timed_out", unfinished=len(self._tasks))

    async def _idle(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._recorder.drain()


async def _stop(consumers: Iterable[Consumer]) -> None:
    """Return deliveries that were not started to other workers, before the started ones have finished."""
    await asyncio.gather(*(consumer.stop() for consumer in consumers))


async def _end(tasks: Collection[asyncio.Task[Any]]) -> None:
    ending = tuple(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


def _raise_first(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        error = None if task.cancelled() or not task.done() else task.exception()
        if error is not None:
            raise error
