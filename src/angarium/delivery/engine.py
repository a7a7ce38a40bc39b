"""The engine of every channel worker: claim → check → render → send → record → settle."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

from angarium.contracts.errors import Transient
from angarium.contracts.messages import light_queue, urgent_queue, work_queue
from angarium.contracts.statuses import Channel
from angarium.delivery.intake import Intake
from angarium.delivery.leases import LEASE, LeaseKeeper
from angarium.delivery.parking import Parking
from angarium.delivery.preparation import Preparation
from angarium.delivery.recording import Recorder
from angarium.delivery.sending import Sending
from angarium.delivery.slots import Slots
from angarium.delivery.work import Asked, Carrier, Finished, Poison, Ready, Sorted, Step, Unrendered
from angarium.notifications.letters import failed_message
from angarium.notifications.model import Claimed, NothingToDo, NotNow, Reason, Verdict
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.store.port import NotificationStore
from angarium.platform.broker.port import Broker, Consumer, Delivery
from angarium.platform.clock import Clock
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.correlation import bind_correlation
from angarium.platform.telemetry.logging import Logger

DRAIN = timedelta(seconds=25)
"""How long sends under way may take to finish after a stop."""
_AWAY_PAUSE = 0.5


class Engine:
    """Delivers one channel. Composed by `delivery.composition`; `run` it, then `stop` it."""

    def __init__(
        self,
        *,
        channel: Channel,
        prefetch: int,
        store: NotificationStore,
        broker: Broker,
        publisher: OutboxPublisher,
        intake: Intake,
        preparation: Preparation,
        sending: Sending,
        recorder: Recorder,
        parking: Parking,
        leases: LeaseKeeper,
        slots: Slots,
        clock: Clock,
        identifiers: Identifiers,
        logger: Logger,
        worker: str,
    ) -> None:
        self._channel = channel
        self._prefetch = prefetch
        self._store = store
        self._broker = broker
        self._publisher = publisher
        self._intake = intake
        self._preparation = preparation
        self._sending = sending
        self._recorder = recorder
        self._parking = parking
        self._leases = leases
        self._slots = slots
        self._clock = clock
        self._identifiers = identifiers
        self._logger = logger
        self._worker = worker
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
            batch, verdicts, ahead = await self._claim(deliveries, consumer)
            claimed = [verdict for verdict in verdicts if isinstance(verdict, Claimed)]
            if batch.poison or len(claimed) < len(verdicts):
                self._start(self._set_aside(batch, verdicts, consumer))
            for claim, step in zip(claimed, await self._prepare(claimed, batch, ahead), strict=False):
                self._start(self._deliver(batch.carriers[claim.id], claim, step))
                spare -= 1
        finally:
            await self._slots.give_back(spare)

    async def _claim(
        self, deliveries: Sequence[Delivery], consumer: Consumer
    ) -> tuple[Sorted, Sequence[Verdict], Asked]:
        """Claim what the deliveries mean; while the database is away they wait unacknowledged.

        The directory is asked meanwhile: both take a journey over the network.
        """
        token = self._identifiers.new()
        while True:
            try:
                batch = await self._intake.sort(deliveries, consumer)
                claim = self._store.claim(batch.carriers, token=token, lease=LEASE, worker=self._worker)
                verdicts, ahead = await asyncio.gather(claim, self._preparation.ask(batch.people))
            except Transient as error:
                self._logger.warning("claim.waits", count=len(deliveries), error=type(error).__name__)
                await self._clock.sleep(_AWAY_PAUSE)
                continue
            except Exception:
                # Whatever broke must not hold messages that nobody works on.
                self._logger.exception("claim.failed", count=len(deliveries))
                await self._clock.sleep(_AWAY_PAUSE)
                await consumer.release(deliveries)
                return Sorted({}, ()), (), Asked(0.0, {})
            self._hold(token, [verdict for verdict in verdicts if isinstance(verdict, Claimed)], since=ahead.at)
            return batch, verdicts, ahead

    async def _prepare(self, claimed: Sequence[Claimed], batch: Sorted, ahead: Asked) -> Sequence[Step]:
        """The next step of each; none where our own code broke: then their leases end and they come again."""
        try:
            return await self._preparation.prepare(claimed, ahead)
        except Exception:
            self._logger.exception("preparation.broke", count=len(claimed))
            for claim in claimed:
                carrier = batch.carriers[claim.id]
                self._leases.let_go(claim.claim_token, claim.id)
                await carrier.consumer.release(carrier.deliveries)
            return ()

    def _hold(self, token: UUID, claimed: Sequence[Claimed], *, since: float) -> None:
        self._leases.hold(token, [claim.id for claim in claimed], since=since)
        for claim in claimed:
            self._logger.info(
                "notification.claimed",
                notification_id=claim.id,
                correlation_id=claim.correlation_id,
                channel=claim.channel,
                attempt=claim.attempt,
            )

    async def _set_aside(self, batch: Sorted, verdicts: Sequence[Verdict], consumer: Consumer) -> None:
        """Settle all that is not claimed."""
        poison = [*batch.poison]
        done: list[Carrier] = []
        later: list[tuple[Carrier, timedelta]] = []
        for verdict in verdicts:
            match verdict:
                case NotNow(id_, wait):
                    later.append((batch.carriers[id_], wait))
                case NothingToDo(id_, None):
                    reason = Reason("unmatched", "notification_id matches no notification")
                    poison.extend(self._intake.poison(d, reason) for d in batch.carriers[id_].deliveries)
                case NothingToDo(id_, _):
                    done.append(batch.carriers[id_])
                case _:
                    pass
        await consumer.ack([delivery for carrier in done for delivery in carrier.deliveries])
        await self._parking.park(later)
        await self._bury(poison, consumer)

    async def _bury(self, poison: Sequence[Poison], consumer: Consumer) -> None:
        """Dead-letter what is none of ours; while the database is away it waits unacknowledged in its queue."""
        if not poison:
            return
        deliveries = [item.delivery for item in poison]
        letters = [item.letter for item in poison]
        messages = [failed_message(letter, self._clock.now()) for letter in letters]
        try:
            await self._store.bury(letters, messages)
        except Transient:
            await self._clock.sleep(_AWAY_PAUSE)
            await consumer.release(deliveries)
            return
        self._tell_buried(poison)
        await self._publisher.publish(messages)
        await consumer.ack(deliveries)

    def _tell_buried(self, poison: Sequence[Poison]) -> None:
        for item in poison:
            self._logger.error("message.dead_lettered", channel=self._channel, reason=item.letter.reason.message)

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
