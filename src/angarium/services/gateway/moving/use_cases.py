"""Manual moves: cancellations, and resolutions of unknown outcomes by operators."""

from collections.abc import Collection
from uuid import UUID

from angarium.contracts.errors import Conflict, NotFound
from angarium.contracts.notifications import NotificationView
from angarium.contracts.statuses import UNFINISHED, Status, may_become
from angarium.notifications.model import Event, Reason
from angarium.notifications.store.port import NotificationStore
from angarium.platform.auth.caller import Caller
from angarium.platform.runtime import Runtime


class Moves:
    """Each move is conditional on the table of transitions. Raises Transient if the store is unavailable."""

    def __init__(self, *, store: NotificationStore, runtime: Runtime) -> None:
        self._store = store
        self._clock = runtime.clock
        self._logger = runtime.logger
        self._finished = runtime.metrics.notifications_finished_total

    def count(self, moved: NotificationView) -> NotificationView:
        """Count the end of one that was moved; gives it back."""
        if moved.status not in UNFINISHED:
            self._finished.labels(moved.notification_type, moved.status).inc()
        return moved

    async def cancel(self, caller: Caller, notification_id: UUID) -> None:
        """Cancel it. Raises NotFound, and Conflict once it is being sent or has ended."""
        reason = Reason("cancelled", "Cancelled by the caller")
        event = Event("cancelled", self._clock.now(), {"status": Status.CANCELLED.value, "by": caller.identity})
        await self._move(caller, notification_id, Status.CANCELLED, event, reason)
        self._logger.info("notification.cancelled", notification_id=str(notification_id))

    async def resolve(self, caller: Caller, notification_id: UUID, to: Status) -> None:
        """Resolve an `unknown` notification as sent, failed, or pending (it is sent again).

        Raises NotFound, and Conflict unless it is unknown.
        """
        event = Event(str(to), self._clock.now(), {"status": to.value, "by": caller.identity})
        reason = Reason("resolved", f"{caller.identity} found that it was not sent") if to is Status.FAILED else None
        await self._move(caller, notification_id, to, event, reason, among=frozenset({Status.UNKNOWN}))
        self._logger.info("notification.resolved", notification_id=str(notification_id), status=to.value)

    async def _move(
        self,
        caller: Caller,
        notification_id: UUID,
        to: Status,
        event: Event,
        reason: Reason | None,
        among: Collection[Status] | None = None,
    ) -> None:
        old = await self._store.move(
            notification_id, tenant=caller.tenant, to=to, event=event, reason=reason, among=among
        )
        if old is None:
            raise NotFound
        # One that is being sent belongs to its worker, whatever the table allows that worker to do.
        if old is Status.SENDING or not may_become(old, to) or (among is not None and old not in among):
            message = (
                f"This notification is {old} already"
                if old is to
                else f"A notification that is {old} cannot become {to}"
            )
            raise Conflict(message)
