"""Applies reports of deliveries and failures to notifications' statuses."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import Event, Reason
from angarium.notifications.store.held_reports import Report
from angarium.notifications.store.port import NotificationStore
from angarium.platform.telemetry.logging import Logger

BOUNCED = "bounced"
_LOGGED = {Status.DELIVERED: "notification.delivered", Status.FAILED: "notification.failed"}
_SOURCES: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {Status.DELIVERED: frozenset({Status.SENT}), Status.FAILED: frozenset({Status.SENT, Status.UNKNOWN})}
)
"""Statuses from which a report may move a notification in one step."""
MOVED_FROM: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {status: frozenset({*sources, Status.UNKNOWN}) for status, sources in _SOURCES.items()}
)
"""Statuses that a report changes. It implies that the provider accepted the message, so it resolves `unknown`."""


class ReportMoves:
    """Applies reports from trusted services and from providers. A notification that has ended does not change.

    Every method raises Transient if the store is unavailable. Each is idempotent and can be repeated.
    """

    def __init__(self, store: NotificationStore, logger: Logger) -> None:
        self._store = store
        self._logger = logger

    async def apply(self, report: Report, channel: Channel | None = None) -> Status | None:
        """Apply the report and return the previous status; None if there is no such notification (on `channel`)."""
        old = await self._move(report, report.status, channel)
        if old is Status.UNKNOWN and report.status is Status.DELIVERED:
            await self._move(report, Status.SENT)
            await self._move(report, Status.DELIVERED)
        if old in MOVED_FROM[report.status]:
            self._logger.info(_LOGGED[report.status], notification_id=str(report.notification_id))
        return old

    async def look(self, report: Report, channel: Channel | None = None) -> Status | None:
        """Return the current status without a change."""
        return await self._move(report, report.status, channel, among=frozenset())

    async def _move(
        self, report: Report, to: Status, channel: Channel | None = None, *, among: Collection[Status] | None = None
    ) -> Status | None:
        event = Event(str(to), report.reported_at, {"status": str(to), "by": report.reported_by})
        reason = Reason(BOUNCED, report.error or "not delivered") if to is Status.FAILED else None
        return await self._store.move(
            report.notification_id,
            tenant=report.tenant,
            to=to,
            event=event,
            reason=reason,
            among=_SOURCES.get(to, frozenset({Status.UNKNOWN})) if among is None else among,
            channel=channel,
        )
