"""The reputation of senders: a worker's counts per provider, and the loop that pauses marketing.

Counting costs two additions in memory per send. The database is accessed every few seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from angarium.contracts.errors import Transient
from angarium.delivery.outcome import Outcome, Permanent, Sent
from angarium.notifications.providers.model import Configured
from angarium.notifications.providers.reputation import NOTHING, Limits, Totals
from angarium.notifications.providers.reputation_store import ReputationStore
from angarium.platform.clock import Clock
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime

INTERVAL = 5.0
"""Seconds between passes. Counts that are not written yet are lost if the process is killed."""
PRUNE_EVERY = 3600.0
FIRST_HOLD, LONGEST_HOLD = timedelta(seconds=10), timedelta(minutes=15)
"""Bounds of the wait of held marketing, which is a quarter of the pause's duration so far."""


class Sender:
    """One worker's view of a provider: the outcomes of its sends, and whether its marketing is paused."""

    __slots__ = ("_bounces", "_sends", "_since", "paused")

    def __init__(self) -> None:
        self.paused = False
        self._since = 0.0
        self._sends = self._bounces = 0

    def answered(self, outcome: Outcome) -> None:
        """Count an attempt if it concerns the sender's reputation. Temporary and other failures are ignored.

        A recipient who opted out at the provider does not count as a bounce.
        """
        if isinstance(outcome, Sent):
            self._sends += 1
        elif isinstance(outcome, Permanent) and outcome.suppress and not outcome.opted_out:
            self._sends += 1
            self._bounces += 1

    @property
    def counted(self) -> Totals:
        """The counts since the last write."""
        return Totals(self._sends, self._bounces)

    def written(self, totals: Totals) -> None:
        """Subtract counts that are stored in the database now."""
        self._sends -= totals.sends
        self._bounces -= totals.bounces

    def apply(self, *, paused: bool, now: float) -> None:
        """Adopt the shared state. `now`: monotonic seconds."""
        if paused and not self.paused:
            self._since = now
        self.paused = paused

    def hold(self, clock: Clock) -> timedelta:
        """How long held marketing waits until the next check."""
        lasted = timedelta(seconds=clock.monotonic() - self._since)
        return min(max(lasted / 4, FIRST_HOLD), LONGEST_HOLD)


@dataclass(frozen=True, slots=True)
class Watched:
    """A configured provider with this worker's counts."""

    configured: Configured
    sender: Sender


class ReputationGuard(Loop):
    """Writes this worker's counts, and pauses and resumes senders by the totals of all workers.

    Any number of workers may run it: each change is made and logged by one of them. While the database is unavailable,
    counts are kept.
    """

    name = "reputation"
    pause = INTERVAL

    def __init__(self, watched: Sequence[Watched], *, store: ReputationStore, limits: Limits, runtime: Runtime) -> None:
        super().__init__()
        self._watched = {one.configured.provider_id: one for one in watched}
        self._store = store
        self._limits = limits
        self._clock = runtime.clock
        self._metrics = runtime.metrics
        self._logger = runtime.logger
        self._pruned_at = -PRUNE_EVERY

    async def once(self) -> bool:
        """Run one pass. Raises DatabaseUnavailable, after which the next pass repeats everything."""
        await self._write()
        totals = await self._store.totals(list(self._watched))
        for provider_id, one in self._watched.items():
            await self._judge(one, totals.get(provider_id, NOTHING))
        await self._prune()
        return False

    async def leave(self) -> None:
        """Write the remaining counts at the end of the worker."""
        try:
            await self._write()
        except Transient as error:
            self._logger.warning("reputation.left_behind", error=type(error).__name__)

    async def _write(self) -> None:
        counted = {id_: one.sender.counted for id_, one in self._watched.items() if one.sender.counted.sends}
        if counted:
            await self._store.add(counted)
            self._written(counted)

    def _written(self, counted: Mapping[UUID, Totals]) -> None:
        for provider_id, totals in counted.items():
            self._watched[provider_id].sender.written(totals)

    async def _judge(self, one: Watched, totals: Totals) -> None:
        """Pause or resume. Other workers apply it when they read the provider's state."""
        reason = self._limits.exceeded(totals)
        provider_id, paused = one.configured.provider_id, one.sender.paused
        if not paused and reason is not None and await self._store.pause(provider_id, reason):
            self._changed(one, paused=True, reason=reason)
        if paused and self._limits.relieved(totals) and await self._store.resume(provider_id):
            self._changed(one, paused=False)
        self._show(one, totals)

    def _changed(self, one: Watched, *, paused: bool, **more: str) -> None:
        one.sender.apply(paused=paused, now=self._clock.monotonic())
        event = "sender.paused" if paused else "sender.resumed"
        self._logger.warning(event, provider=one.configured.name, channel=one.configured.channel, **more)

    def _show(self, one: Watched, totals: Totals) -> None:
        labels = (one.configured.channel, one.configured.name)
        self._metrics.sender_paused.labels(*labels).set(one.sender.paused)
        self._metrics.sender_rate.labels(*labels, "bounce").set(totals.bounce_rate or 0.0)
        self._metrics.sender_rate.labels(*labels, "complaint").set(totals.complaint_rate or 0.0)

    async def _prune(self) -> None:
        if self._clock.monotonic() - self._pruned_at >= PRUNE_EVERY:
            self._pruned_at = self._clock.monotonic()
            await self._store.prune()
