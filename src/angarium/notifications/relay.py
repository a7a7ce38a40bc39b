"""Publishes messages left in the outbox, after a crash or an outage of the broker."""

from datetime import timedelta

from angarium.notifications.look_back import LookBack
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.store.port import NotificationStore
from angarium.platform.broker.port import Broker
from angarium.platform.clock import Clock
from angarium.platform.loop import Loop

_LEASE = timedelta(seconds=15)
_BATCH = 500


class Relay(Loop):
    """Any number may run at once: each row is leased to one of them at a time."""

    name = "relay"
    pause = 0.5

    def __init__(self, *, store: NotificationStore, broker: Broker, publisher: OutboxPublisher, clock: Clock) -> None:
        super().__init__()
        self._store = store
        self._broker = broker
        self._publisher = publisher
        self._look_back = LookBack(clock)

    async def once(self) -> bool:
        """Publish one batch; True: it was full and completely confirmed, so there may be more.

        Raises the store's errors.
        """
        if not await self._broker.ready():
            return False
        messages = await self._store.lease_outbox(_BATCH, lease=_LEASE, back=self._look_back.begin())
        self._look_back.end(whole=len(messages) < _BATCH)
        taken = await self._publisher.publish(messages)
        return taken == _BATCH
