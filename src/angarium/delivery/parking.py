"""Parks messages: a confirmed publish to a delay queue, then the acknowledgement."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from angarium.contracts.errors import Transient
from angarium.contracts.messages import WORK_EXCHANGE
from angarium.delivery.work import Carrier
from angarium.notifications.messages import carried_headers, pointer
from angarium.notifications.topology import next_delay
from angarium.platform.broker.port import Broker, Outgoing
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

_REFUSED_PAUSE = 1.0
_SLOW = 1.0
"""Seconds without a confirm after which the broker is considered to accept no publishes."""


class Parking:
    """Parks carriers. A message that the broker does not accept returns to its queue and is parked again.

    A message waiting to be parked is unacknowledged and uses the worker's prefetch. While the broker accepts no
    publishes (a memory or disk alarm), at most `most_waiting` wait: the others are acknowledged, and the sweeper finds
    their rows once they are overdue. Otherwise retries would fill the prefetch and stop the sends that empty the
    broker.

    Waits beyond the longest delay queue are also left to the record, since each pass through a delay queue would cost a
    claim and a publish.
    """

    def __init__(
        self, *, broker: Broker, delays: Sequence[timedelta], most_waiting: int, clock: Clock, logger: Logger
    ) -> None:
        self._broker = broker
        self._delays = delays
        self._most_waiting = most_waiting
        self._clock = clock
        self._logger = logger
        self._waiting = 0
        self._begun: dict[object, float] = {}

    async def park(self, carriers: Sequence[tuple[Carrier, timedelta]]) -> None:
        """Redeliver each after its wait (or a part of it); those left to the record come later. Never raises."""
        if far := [carrier for carrier, wait in carriers if wait > self._delays[-1]]:
            await self._acknowledge(far)
            carriers = [(carrier, wait) for carrier, wait in carriers if wait <= self._delays[-1]]
        if not carriers:
            return
        if self._is_crowded(len(carriers)):
            await self._leave_to_the_record([carrier for carrier, _ in carriers])
            return
        with self._under_way(len(carriers)):
            taken = await self._publish([self._delayed(carrier, wait) for carrier, wait in carriers])
            refused = []
            for (carrier, _), ok in zip(carriers, taken, strict=True):
                if ok:
                    await carrier.consumer.ack(carrier.deliveries)
                else:
                    refused.append(carrier)
            if refused:
                await self._settle_refused(refused)

    @contextmanager
    def _under_way(self, count: int) -> Iterator[None]:
        key = object()
        self._begun[key] = self._clock.monotonic()
        self._waiting += count
        try:
            yield
        finally:
            self._waiting -= count
            del self._begun[key]

    def _is_crowded(self, more: int) -> bool:
        """Whether too many messages wait for a broker that does not answer."""
        oldest = next(iter(self._begun.values()), None)
        slow = oldest is not None and self._clock.monotonic() - oldest > _SLOW
        return slow and self._waiting + more > self._most_waiting

    async def _settle_refused(self, refused: Sequence[Carrier]) -> None:
        self._logger.warning("parking.refused", count=len(refused))
        if self._waiting > self._most_waiting:
            await self._leave_to_the_record(refused)
            return
        await self._clock.sleep(_REFUSED_PAUSE)
        for carrier in refused:
            await carrier.consumer.release(carrier.deliveries)

    async def _leave_to_the_record(self, carriers: Sequence[Carrier]) -> None:
        self._logger.warning("parking.left_to_the_record", count=len(carriers))
        await self._acknowledge(carriers)

    async def _acknowledge(self, carriers: Sequence[Carrier]) -> None:
        """Acknowledge carriers whose unfinished rows have a time for the sweeper."""
        for carrier in carriers:
            await carrier.consumer.ack(carrier.deliveries)

    async def _publish(self, messages: Sequence[Outgoing]) -> Sequence[bool]:
        try:
            return await self._broker.publish(messages)
        except Transient:
            return [False] * len(messages)
        except Exception:
            self._logger.exception("parking.failed", count=len(messages))
        # After any error: one message must not prevent the others from being parked.
        if len(messages) == 1:
            return [False]
        return [taken for message in messages for taken in await self._publish([message])]

    def _delayed(self, carrier: Carrier, wait: timedelta) -> Outgoing:
        delivery = carrier.deliveries[0]
        return Outgoing(
            exchange=WORK_EXCHANGE,
            # Not the delivery's own key, which may not match any binding (the default exchange, a shovel): a message
            # without a queue at the end of its delay stays in the delay queue and blocks others.
            routing_key=carrier.routing_key,
            # Delay queues hold messages for hours; an erasure must find no variables there.
            body=pointer(delivery.body, carrier.notification_id),
            message_id=str(carrier.notification_id),
            headers=carried_headers(delivery.headers),
            delay=next_delay(wait, self._delays),
        )
