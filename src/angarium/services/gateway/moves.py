"""Moving a notification by hand: cancellations and delivery reports."""

from datetime import datetime
from uuid import UUID

from angarium.contracts.errors import Conflict, NotFound
from angarium.contracts.statuses import Status, may_become
from angarium.notifications.model import Event, Reason
from angarium.notifications.store.port import NotificationStore
from angarium.platform.auth.caller import Caller
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger


class Moves:
    """Each is conditional on the table of transitions. Raises Transient when the store does not answer."""

    def __init__(self, *, store: NotificationStore, clock: Clock, logger: Logger) -> None:
        self._store = store
        self._clock = clock
        self._logger = logger

    async def cancel(self, caller: Caller, notification_id: UUID) -> None:
        """Take it back. Raises NotFound; Conflict once it is being sent or has ended."""
        reason = Reason("cancelled", "Cancelled by the caller")
        event = Event("cancelled", self._clock.now(), {"status": Status.CANCELLED.value, "by": caller.name})
        await self._move(caller, notification_id, Status.CANCELLED, event, reason)
        self._logger.info("notification.cancelled", notification_id=str(notification_id))

    async def delivered(self, caller: Caller, notification_id: UUID, at: datetime | None) -> None:
        """A receipt says that it arrived. Raises NotFound; Conflict unless it was sent."""
        event = Event("delivered", at or self._clock.now(), {"status": Status.DELIVERED.value, "by": caller.name})
        await self._move(caller, notification_id, Status.DELIVERED, event, None)
        self._logger.info("notification.delivered", notification_id=str(notification_id))

    async def bounced(self, caller: Caller, notification_id: UUID, at: datetime | None, error: str) -> None:
        """A receipt says that it did not arrive. Raises NotFound; Conflict unless it was sent."""
        event = Event("failed", at or self._clock.now(), {"status": Status.FAILED.value, "by": caller.name})
        await self._move(caller, notification_id, Status.FAILED, event, Reason("bounced", error))
        self._logger.info("notification.failed", notification_id=str(notification_id), reason="bounced")

    async def _move(
        self, caller: Caller, notification_id: UUID, to: Status, event: Event, reason: Reason | None
    ) -> None:
        old = await self._store.move(notification_id, tenant=caller.tenant, to=to, event=event, reason=reason)
        if old is None:
            raise NotFound
        # One that is being sent belongs to its worker, whatever the table allows that worker to do.
        if old is Status.SENDING or not may_become(old, to):
            message = f"A notification that is {old} cannot become {to}"
            raise Conflict(message)
