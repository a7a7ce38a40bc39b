"""Writes results in batches and settles their messages once they are committed."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from angarium.contracts.errors import Transient
from angarium.contracts.statuses import Status
from angarium.delivery.leases import LeaseKeeper
from angarium.delivery.parking import Parking
from angarium.delivery.results import bare
from angarium.delivery.slots import Slots
from angarium.delivery.work import Carrier, Finished
from angarium.notifications.model import Claimed, OutboxMessage, Result
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.store.port import NotificationStore, RowsLocked
from angarium.platform.batching import GroupCommit
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Children, Metrics

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_GATHER_SECONDS = 0.005
ENDS = frozenset({Status.SENT, Status.FAILED, Status.SKIPPED, Status.EXPIRED, Status.UNKNOWN})
"""How a worker ends a notification."""
_BY_MESSAGE = frozenset({Status.PENDING, Status.RETRYING})
"""States in which the message is redelivered after the wait; `scheduled` waits in the record only."""
_LOG_EVENTS = {status: f"notification.{status}" for status in Status} | {
    Status.PENDING: "notification.deferred",
    Status.RETRYING: "notification.retry_scheduled",
}


class Recorder:
    """Processes results: records them, publishes retries and dead letters, acknowledges, logs and counts.

    A recorded result without a publish is acknowledged at once. Publishes run in separate tasks: while the broker
    accepts none (an alarm), neither slots nor other results wait for them.
    """

    def __init__(
        self,
        *,
        store: NotificationStore,
        publisher: OutboxPublisher,
        parking: Parking,
        leases: LeaseKeeper,
        slots: Slots,
        clock: Clock,
        metrics: Metrics,
        logger: Logger,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._parking = parking
        self._leases = leases
        self._slots = slots
        self._clock = clock
        self._ended = Children(metrics.notifications_finished_total.labels)
        self._until_sent = Children(metrics.accept_to_sent_seconds.labels)
        self._logger = logger
        self._batches: GroupCommit[Finished, bool] = GroupCommit(
            self._write, limit=500, flushers=1, gather=self._gather
        )
        self._publishing: set[asyncio.Task[None]] = set()

    async def finish(self, finished: Finished) -> None:
        """Record the result, then settle its messages. If it cannot be recorded, raises and does not settle them.

        A message that is redelivered after a wait is settled later, by a task of the recorder. A result that the
        database refuses is recorded again without its texts, so that a sent message is not sent again.
        """
        try:
            done = await self._batches.submit(finished)
        except Transient:
            raise
        except Exception:
            self._logger.exception("record.refused", notification_id=finished.claimed.id)
            finished = msgspec.structs.replace(finished, result=bare(finished.result))
            done = await self._batches.submit(finished)
        if not done:
            await self._finish_alone(finished)

    async def drain(self) -> None:
        """Wait until everything recorded is published and settled, or abandoned."""
        while self._publishing:
            await asyncio.wait(self._publishing)

    async def close(self) -> None:
        """Abandon pending publishes: their messages are redelivered, and the relay publishes their outbox rows."""
        for task in self._publishing:
            task.cancel()
        await asyncio.gather(*self._publishing, return_exceptions=True)

    async def _gather(self, waiting: int) -> None:
        """Wait briefly for results that are about to arrive, so that they share a statement."""
        if self._slots.in_use > 2 * waiting:
            await self._clock.sleep(_GATHER_SECONDS)

    async def _write(self, batch: Sequence[Finished]) -> Sequence[bool]:
        """Whether each is written. False: another transaction has locked a row, so each must be written separately."""
        try:
            written = await self._patiently([finished.result for finished in batch])
        except RowsLocked:
            self._logger.warning("record.locked", count=len(batch))
            return [False] * len(batch)
        await self._done(batch, written)
        return [True] * len(batch)

    async def _finish_alone(self, finished: Finished) -> None:
        """Write one result as soon as its row is unlocked, without delaying other results."""
        while True:
            try:
                written = await self._patiently([finished.result])
            except RowsLocked:
                await self._clock.sleep(_LONGEST_PAUSE)
            else:
                await self._done([finished], written)
                return

    async def _done(self, batch: Sequence[Finished], written: Sequence[bool]) -> None:
        for finished in batch:
            self._leases.let_go(finished.claimed.claim_token, finished.claimed.id)
        await self._settle(batch, written)
        for finished in batch:
            finished.settled()

    async def _patiently(self, results: Sequence[Result]) -> Sequence[bool]:
        """Retry while the database is unavailable, since what was sent must be recorded. Raises RowsLocked."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._store.record(results)
            except RowsLocked:
                raise
            except Transient as error:
                self._logger.warning("record.waits", count=len(results), error=type(error).__name__)
                await self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _settle(self, batch: Sequence[Finished], written: Sequence[bool]) -> None:
        fresh = [finished for finished, ok in zip(batch, written, strict=True) if ok]
        parked = [(f.carrier, f.result.wait or timedelta(0)) for f in fresh if f.result.status in _BY_MESSAGE]
        away = {id(carrier) for carrier, _ in parked}
        await self._ack([finished for finished in batch if id(finished.carrier) not in away] if away else batch)
        messages = [message for finished in fresh for message in finished.result.outbox]
        if parked or messages:
            task = asyncio.create_task(self._publish(messages, parked))
            self._publishing.add(task)
            task.add_done_callback(self._publishing.discard)
        now = self._clock.now()
        for finished in fresh:
            self._tell(finished.claimed, finished.result, now)
        if len(fresh) < len(batch):
            self._logger.warning("record.stale", count=len(batch) - len(fresh))

    async def _publish(self, messages: Sequence[OutboxMessage], parked: Sequence[tuple[Carrier, timedelta]]) -> None:
        await asyncio.gather(self._publish_outbox(messages), self._park(parked))

    async def _publish_outbox(self, messages: Sequence[OutboxMessage]) -> None:
        """Publish; after an unexpected error the relay does, since the messages are in the outbox."""
        try:
            await self._publisher.publish(messages)
        except Exception:
            self._logger.exception("record.publish_failed", count=len(messages))

    async def _park(self, parked: Sequence[tuple[Carrier, timedelta]]) -> None:
        """Park; after an unexpected error the messages return to their queue, and are parked when they arrive again."""
        try:
            await self._parking.park(parked)
        except Exception:
            self._logger.exception("parking.failed", count=len(parked))
            await self._clock.sleep(_LONGEST_PAUSE)
            for carrier, _ in parked:
                await carrier.consumer.release(carrier.deliveries)

    async def _ack(self, settled: Sequence[Finished]) -> None:
        """One acknowledgement per consumer."""
        consumers = {id(finished.carrier.consumer): finished.carrier.consumer for finished in settled}
        for key, consumer in consumers.items():
            deliveries = [d for f in settled if id(f.carrier.consumer) == key for d in f.carrier.deliveries]
            await consumer.ack(deliveries)

    def _tell(self, claimed: Claimed, result: Result, now: datetime) -> None:
        status = result.status
        self._logger.info(
            _LOG_EVENTS[status],
            notification_id=claimed.id,
            correlation_id=claimed.correlation_id,
            user_id=claimed.user_id,
            channel=claimed.channel,
            attempt=claimed.attempt,
            provider=result.provider,
            reason=result.reason.code if result.reason else None,
        )
        if result.dead_letter is not None:
            self._logger.info("notification.dead_lettered", notification_id=str(claimed.id))
        if status in ENDS:
            self._ended[claimed.channel, status].inc()
        if status is Status.SENT:
            seconds = (now - claimed.created_at).total_seconds()
            self._until_sent[(claimed.channel,)].observe(max(0.0, seconds))
