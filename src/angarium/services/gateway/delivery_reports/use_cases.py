"""Delivery reports: the outcome of notifications after they were sent."""

from datetime import datetime
from uuid import UUID

from angarium.contracts.errors import Conflict, NotFound, Transient
from angarium.contracts.statuses import UNFINISHED, Channel, Status
from angarium.notifications.receipts.moving import MOVED_FROM, ReportMoves
from angarium.notifications.store.held_reports import HeldReports, Key, Report
from angarium.notifications.store.port import NotificationStore
from angarium.platform.auth.caller import Caller
from angarium.platform.caching import Lru
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime

_BATCH = 200
_MOST_SET_ASIDE = 1_000


class Receipts(Loop):
    """Applies a report at once, or holds it until its send is recorded. Notifications that have ended do not change.

    A report implies that the provider accepted the message, so it resolves an `unknown` one. Every method raises
    Transient if the store is unavailable, and can be repeated. As a loop it applies held reports.
    """

    name = "receipts"
    pause = 0.5
    longest_back_off = 2.0

    def __init__(self, *, store: NotificationStore, held: HeldReports, runtime: Runtime) -> None:
        super().__init__()
        self._moves = ReportMoves(store, runtime.logger)
        self._held = held
        self._clock = runtime.clock
        self._logger = runtime.logger
        self._set_aside: Lru[Key, bool] = Lru(_MOST_SET_ASIDE)

    async def delivered(self, caller: Caller, channel: Channel, notification_id: UUID, at: datetime | None) -> None:
        """Report a delivery. A repeated report changes nothing.

        Raises NotFound, also for a notification of another channel, and Conflict if it ended in another way.
        """
        await self._take(self._report(caller, notification_id, Status.DELIVERED, at, None), channel)

    async def bounced(
        self, caller: Caller, channel: Channel, notification_id: UUID, at: datetime | None, error: str
    ) -> None:
        """Report a failed delivery, without a dead letter. A repeated report changes nothing. Raises as `delivered`."""
        await self._take(self._report(caller, notification_id, Status.FAILED, at, error), channel)

    async def pending(self, caller: Caller, channel: Channel, notification_id: UUID) -> None:
        """Accept a report without news. Raises NotFound as `delivered`."""
        report = self._report(caller, notification_id, Status.DELIVERED, None, None)
        if await self._moves.look(report, channel) is None:
            raise NotFound

    async def once(self) -> bool:
        """Apply held reports where possible; True: there may be more. Any number may run at once.

        A report that cannot be applied is skipped until the process restarts, so that it does not block others.
        """
        due = await self._held.due(_BATCH, without=list(self._set_aside))
        for report in due:
            try:
                await self._moves.apply(report)
            except Transient:
                raise
            except Exception:
                self._logger.exception("receipt.set_aside", notification_id=str(report.notification_id))
                self._set_aside.put(report.key, True)
            else:
                await self._held.forget(report)
        return len(due) == _BATCH

    def _report(
        self, caller: Caller, notification_id: UUID, status: Status, at: datetime | None, error: str | None
    ) -> Report:
        return Report(
            notification_id=notification_id,
            tenant=caller.tenant,
            status=status,
            reported_by=caller.identity,
            reported_at=at or self._clock.now(),
            error=error,
        )

    async def _take(self, report: Report, channel: Channel) -> None:
        old = await self._moves.apply(report, channel)
        if old is None:
            raise NotFound
        if old in UNFINISHED:
            await self._held.hold(report)
            self._logger.info("receipt.held", notification_id=str(report.notification_id), report=report.status)
        elif old is not report.status and old not in MOVED_FROM[report.status]:
            message = f"A notification that is {old} cannot become {report.status}"
            raise Conflict(message)
