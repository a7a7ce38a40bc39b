"""Wakes due notifications and finds those whose message was lost."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from angarium.contracts.statuses import Status
from angarium.notifications.look_back import LookBack
from angarium.notifications.model import Ended, Patience, SweepReport
from angarium.notifications.store.port import NotificationStore
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime

_BATCH = 500
OUTAGE = 5.0
"""Seconds without a pass after which workers may have been unable to record results or renew leases."""
RETURN = 30.0
"""Seconds for workers to record results after an outage, before their sends count as lost."""
_EVENTS = {status: f"notification.{status}" for status in Status}


class Sweeper(Loop):
    """Any number may run at once. It only adds outbox rows: the claim decides again.

    `waits`: see `QueueWaits.by_key`. After an outage of the database, results must be recorded before the sweep: a send
    that ended meanwhile waits to be recorded, and another worker must not repeat it.
    """

    name = "sweeper"
    pause = 0.5

    def __init__(
        self,
        *,
        store: NotificationStore,
        runtime: Runtime,
        waits: Callable[[], Mapping[str, timedelta]] = dict,
    ) -> None:
        super().__init__()
        self._store = store
        self._clock = runtime.clock
        self._logger = runtime.logger
        self._finished = runtime.metrics.notifications_finished_total
        self._waits = waits
        self._look_back = LookBack(runtime.clock)
        self._last: tuple[float, float] | None = None
        self._back_since = 0.0

    async def once(self) -> bool:
        """Run one pass; True: the batch was full, so there may be more. Raises the store's errors."""
        patience = Patience(claims=self._is_back_since_a_moment(), lanes=self._waits())
        report = await self._store.sweep(_BATCH, back=self._look_back.begin(), patience=patience)
        self._passed()
        moved = report.released + report.requeued + report.expired + report.unknown
        if moved:
            self._log(report)
        self._report_ended(report.ended)
        full = moved + report.left >= _BATCH
        self._look_back.end(whole=not full)
        return full

    def _is_back_since_a_moment(self) -> bool:
        """Whether the last outage ended less than RETURN ago; True at the start, when this is unknown."""
        return self._was_away() or self._clock.monotonic() - self._back_since < RETURN

    def _passed(self) -> None:
        """Note a successful pass."""
        if self._was_away():
            self._back_since = self._clock.monotonic()
        self._last = self._times()

    def _was_away(self) -> bool:
        """Whether the last pass is long ago by either clock, since one of them stops while a machine sleeps."""
        if self._last is None:
            return True
        return max(now - last for last, now in zip(self._last, self._times(), strict=True)) > OUTAGE

    def _times(self) -> tuple[float, float]:
        return self._clock.monotonic(), self._clock.now().timestamp()

    def _report_ended(self, ended: Sequence[Ended]) -> None:
        """Log and count each, as a worker does for those that it ends."""
        for one in ended:
            self._finished.labels(one.channel, one.status).inc()
            self._logger.info(_EVENTS[one.status], notification_id=str(one.id), channel=one.channel)

    def _log(self, report: SweepReport) -> None:
        lost = report.requeued + report.unknown
        log = self._logger.warning if lost else self._logger.info
        log(
            "sweeper.swept",
            released=report.released,
            requeued=report.requeued,
            expired=report.expired,
            unknown=report.unknown,
        )
