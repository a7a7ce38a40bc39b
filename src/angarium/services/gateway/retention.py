"""The loop behind `RETENTION` and `REDACT_AFTER`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.fields import rfc3339
from angarium.notifications.store.retention import Retention, Task
from angarium.platform.database.turns import alone
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime

TURN = 0x616E6772  # "angr": the advisory lock of the one gateway that does it
SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=10)
"""Bounds of the pause between two passes, which is a hundredth of the shorter period."""
SHORTEST_REST = 0.02
"""Minimum seconds between two steps. After a longer step the pause has the same length, so that half of the time is
left to others."""
OVERLAP = timedelta(hours=1)
"""A pass examines rows again that are younger by this than the last one's end, since they may have finished
meanwhile."""
WHOLE_EVERY = timedelta(hours=24)
"""Interval of full passes, for rows that finished long after they were accepted."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Retention of finished notifications, and of the personal data in them; None: without limit."""

    prune: timedelta | None = None
    redact: timedelta | None = None

    def __bool__(self) -> bool:
        return self.prune is not None or self.redact is not None

    @property
    def pause(self) -> timedelta:
        """The pause between two passes."""
        shortest = min((period for period in (self.prune, self.redact) if period is not None), default=timedelta.max)
        return min(max(shortest / 100, SHORTEST_PAUSE), LONGEST_PAUSE)


KEPT_FOR_EVER = Periods()
_DONE = {Task.PRUNE: "retention.pruned", Task.REDACT: "retention.redacted"}


class RetentionKeeper(Loop):
    """Deletes and redacts in the background, in one gateway at a time."""

    name = "retention"

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        retention: Retention,
        periods: Periods,
        runtime: Runtime,
    ) -> None:
        super().__init__()
        self.pause = periods.pause.total_seconds()
        self._engine = engine
        self._retention = retention
        self._periods = periods
        self._metrics = runtime.metrics
        self._clock = runtime.clock
        self._logger = runtime.logger
        self._redacted_until: datetime | None = None
        self._whole_at: datetime | None = None

    def announce(self) -> None:
        """Log the configured periods."""
        self._logger.info(
            "retention.on", retention=_words(self._periods.prune), redact_after=_words(self._periods.redact)
        )

    async def once(self) -> bool:
        """Run one pass over due rows. Raises DatabaseUnavailable."""
        await self.pass_over()
        return False

    async def pass_over(self) -> bool:
        """Run one pass over due rows; False if another gateway is running one. Raises DatabaseUnavailable."""
        async with alone(self._engine, TURN) as mine:
            if not mine:
                return False
            now = self._clock.now()
            if self._periods.prune is not None:
                await self._do(Task.PRUNE, now - self._periods.prune)
            if self._periods.redact is not None:
                await self._redact(now, now - self._periods.redact)
        return True

    async def _redact(self, now: datetime, before: datetime) -> None:
        """Redacted rows remain and would be read again in every pass, so most passes begin where the last one ended."""
        whole = self._whole_at is None or self._redacted_until is None or now >= self._whole_at + WHOLE_EVERY
        since = None if whole or self._redacted_until is None else self._redacted_until - OVERLAP
        await self._do(Task.REDACT, before, since)
        self._redacted_until = before
        if whole:
            self._whole_at = now

    async def _do(self, task: Task, before: datetime, since: datetime | None = None) -> None:
        notifications, letters = 0, 0
        begun = self._clock.monotonic()
        async for step in self._retention.run(task, before, since=since):
            self._metrics.retention_rows_total.labels(str(task), "notifications").inc(step.notifications)
            self._metrics.retention_rows_total.labels(str(task), "dead_letters").inc(step.dead_letters)
            notifications += step.notifications
            letters += step.dead_letters
            await self._clock.sleep(max(SHORTEST_REST, self._clock.monotonic() - begun))
            begun = self._clock.monotonic()
        if notifications or letters:
            self._logger.info(_DONE[task], notifications=notifications, dead_letters=letters, before=rfc3339(before))


def _words(period: timedelta | None) -> str:
    return "off" if period is None else f"{period.total_seconds() / 86400:g}d"
