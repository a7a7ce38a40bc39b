"""Wakes what is due and finds what seems lost."""

from angarium.notifications.look_back import LookBack
from angarium.notifications.model import SweepReport
from angarium.notifications.store.port import NotificationStore
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

_BATCH = 500
_PAUSE = 0.5


class Sweeper:
    """Any number may run at once. What it does is only ever an outbox row: the claim decides again."""

    def __init__(self, *, store: NotificationStore, clock: Clock, logger: Logger) -> None:
        self._store = store
        self._clock = clock
        self._logger = logger
        self._look_back = LookBack(clock)

    async def run(self) -> None:
        """Sweep for ever. Raises what the store raises; whoever runs it starts it again."""
        while True:
            if not await self.sweep_once():
                await self._clock.sleep(_PAUSE)

    async def sweep_once(self) -> bool:
        """One pass; True: the batch was full, so there may be more."""
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
