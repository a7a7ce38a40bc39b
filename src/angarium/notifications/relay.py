"""Publishes what was left in the outbox: after a crash, or while the broker was away."""

from datetime import timedelta

from angarium.notifications.look_back import LookBack
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.store.port import NotificationStore
from angarium.platform.broker.port import Broker
from angarium.platform.clock import Clock

_LEASE = timedelta(seconds=15)
_BATCH = 500
_PAUSE = 0.5


class Relay:
    """Any number may run at once: each row is leased to one of them at a time."""

    def __init__(self, *, store: NotificationStore, broker: Broker, publisher: OutboxPublisher, clock: Clock) -> None:
        self._store = store
        self._broker = broker
        self._publisher = publisher
        self._clock = clock
        self._look_back = LookBack(clock)

    async def run(self) -> None:
        """Drain for ever. Raises what the store raises; whoever runs it starts it again."""
        while True:
            if not await self.drain_once():
                await self._clock.sleep(_PAUSE)

    async def drain_once(self) -> bool:
        """Publish one batch; True: it was full and all taken, so there may be more."""
        if not await self._broker.ready():
            return False
        messages = await self._store.lease_outbox(_BATCH, lease=_LEASE, back=self._look_back.begin())
        self._look_back.end(whole=len(messages) < _BATCH)
        taken = await self._publisher.publish(messages)
        return taken == _BATCH
