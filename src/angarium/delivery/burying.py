"""Settles deliveries without a claim: acknowledges, parks or dead-letters them."""

from collections.abc import Sequence
from datetime import timedelta

from angarium.contracts.errors import Transient
from angarium.contracts.statuses import Channel
from angarium.delivery.intake import Intake
from angarium.delivery.parking import Parking
from angarium.delivery.work import Carrier, Poison, Sorted
from angarium.notifications.letters import failed_message
from angarium.notifications.model import NothingToDo, NotNow, Reason, Verdict
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.store.port import NotificationStore
from angarium.platform.broker.port import Consumer, Delivery
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

_AWAY_PAUSE = 0.5
_REFUSED_PAUSE = 5.0
"""Seconds until redelivery of a message for which the database refuses even a dead letter without payload."""


class Burying:
    """Settles deliveries that led to no claim. Each is independent of the others."""

    def __init__(
        self,
        *,
        channel: Channel,
        store: NotificationStore,
        publisher: OutboxPublisher,
        intake: Intake,
        parking: Parking,
        clock: Clock,
        logger: Logger,
    ) -> None:
        self._channel = channel
        self._store = store
        self._publisher = publisher
        self._intake = intake
        self._parking = parking
        self._clock = clock
        self._logger = logger

    async def set_aside(self, batch: Sorted, verdicts: Sequence[Verdict], consumer: Consumer) -> None:
        """Settle every delivery without a claim."""
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
        """Dead-letter foreign messages; while the database is unavailable they stay unacknowledged in their queue."""
        if not poison:
            return
        try:
            refused = await self._record(poison, consumer)
        except Transient:
            await self._clock.sleep(_AWAY_PAUSE)
            await consumer.release([item.delivery for item in poison])
            return
        if refused:
            await self._clock.sleep(_REFUSED_PAUSE)
            await consumer.release(refused)

    async def _record(self, poison: Sequence[Poison], consumer: Consumer) -> Sequence[Delivery]:
        """Record all dead letters; after an unexpected error, each separately. Returns those that are refused.

        A refused dead letter is recorded again without its message's values. If that is refused too, the message is not
        the cause, and it is kept.
        """
        if await self._is_recorded(poison, consumer):
            return ()
        return [
            item.delivery
            for item in poison
            if not (len(poison) > 1 and await self._is_recorded([item], consumer))
            and not await self._is_recorded([self._intake.undeliverable(item)], consumer)
        ]

    async def _is_recorded(self, poison: Sequence[Poison], consumer: Consumer) -> bool:
        """Whether all are recorded and therefore settled. Raises StoreUnavailable."""
        letters = [item.letter for item in poison]
        messages = [failed_message(letter, self._clock.now()) for letter in letters]
        try:
            await self._store.bury(letters, messages)
        except Transient:
            raise
        except Exception:
            self._logger.exception("message.burying_failed", channel=self._channel, count=len(poison))
            return False
        for item in poison:
            self._logger.error("message.dead_lettered", channel=self._channel, reason=item.letter.reason.message)
        await self._publisher.publish(messages)
        await consumer.ack([item.delivery for item in poison])
        return True
