"""Wakes what is due and finds what seems lost."""

from angarium.notifications.look_back import LookBack
from angarium.notifications.model import SweepReport
from angarium.notifications.store.port import NotificationStore
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime

_BATCH = 500


class Sweeper(Loop):
    """Any number may run at once. What it does is only ever an outbox row: the claim decides again."""

    name = "sweeper"
    pause = 0.5

    def __init__(self, *, store: NotificationStore, runtime: Runtime) -> None:
        super().__init__()
        self._store = store
        self._logger = runtime.logger
        self._look_back = LookBack(runtime.clock)

    async def once(self) -> bool:
        """One pass; True: the batch was full, so there may be more. Raises what the store raises."""
        report = await self._store.sweep(_BATCH, back=self._look_back.begin())
        moved = report.released + report.requeued + report.expired + report.unknown
        if moved:
            self._log(report)
        full = moved + report.left >= _BATCH
        self._look_back.end(whole=not full)
        return full

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
