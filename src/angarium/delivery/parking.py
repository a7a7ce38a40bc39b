"""Puts a message aside for a while: a confirmed publish to a delay queue, then the acknowledgement."""

from collections.abc import Sequence
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


class Parking:
    """Parks carriers; what the broker does not take goes back to its queue, and the record parks it again."""

    def __init__(self, *, broker: Broker, delays: Sequence[timedelta], clock: Clock, logger: Logger) -> None:
        self._broker = broker
        self._delays = delays
        self._clock = clock
        self._logger = logger

    async def park(self, carriers: Sequence[tuple[Carrier, timedelta]]) -> None:
        """Each comes again after its wait (or a part of it). Never raises."""
        if not carriers:
            return
        taken = await self._publish([self._delayed(carrier, wait) for carrier, wait in carriers])
        refused = False
        for (carrier, _), ok in zip(carriers, taken, strict=True):
            refused = refused or not ok
            if ok:
                await carrier.consumer.ack(carrier.deliveries)
        if refused:
            self._logger.warning("parking.refused", count=list(taken).count(False))
            await self._clock.sleep(_REFUSED_PAUSE)
            for (carrier, _), ok in zip(carriers, taken, strict=True):
                if not ok:
                    await carrier.consumer.release(carrier.deliveries)

    async def _publish(self, messages: Sequence[Outgoing]) -> Sequence[bool]:
        try:
            return await self._broker.publish(messages)
        except Transient:
            return [False] * len(messages)
        except Exception:
            self._logger.exception("parking.failed", count=len(messages))
        # Whatever broke: one message must not keep the others from their delay.
        if len(messages) == 1:
            return [False]
        return [taken for message in messages for taken in await self._publish([message])]

    def _delayed(self, carrier: Carrier, wait: timedelta) -> Outgoing:
        delivery = carrier.deliveries[0]
        return Outgoing(
            exchange=WORK_EXCHANGE,
            # Not the delivery's own key: it may be one that no queue is bound with (the default exchange, a shovel),
            # and a message that finds no queue at the end of its delay stays in the delay queue, in others' way.
            routing_key=carrier.routing_key,
            # Delay queues hold messages for hours; an erasure must find no variables there.
            body=pointer(delivery.body, carrier.notification_id),
            message_id=str(carrier.notification_id),
            headers=carried_headers(delivery.headers),
            delay=next_delay(wait, self._delays),
        )
