"""Synchronises one worker's breakers with the shared state, about once a second."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from angarium.contracts.errors import Transient
from angarium.contracts.providers import BreakerState
from angarium.delivery.breakers.breaker import Breaker, Close, Open
from angarium.delivery.reputation import Sender
from angarium.notifications.providers.model import Configured, ProviderState, Report
from angarium.notifications.providers.store import ProviderStore
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime

INTERVAL = 1.0
"""Seconds between passes while messages are sent or a breaker is not closed."""
IDLE_INTERVAL = 5.0
_SETTLED = 2
"""Number of reads after which the other workers know that this one exists or is busy, so it may use its share of a
rate."""
_LEVELS: Mapping[BreakerState, int] = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


@dataclass(frozen=True, slots=True)
class Kept:
    """A configured provider with this worker's breaker and its counts of the sender."""

    configured: Configured
    breaker: Breaker
    sender: Sender = field(default_factory=Sender)


class BreakerKeeper(Loop):
    """Writes this worker's breaker changes, reads those of the others, and distributes rates and probes.

    While the database is unavailable, each worker relies on its own observations.
    """

    name = "breakers"
    pause = INTERVAL
    longest_back_off = 2.0

    def __init__(
        self,
        kept: Sequence[Kept],
        *,
        store: ProviderStore,
        worker: str,
        runtime: Runtime,
    ) -> None:
        super().__init__()
        self._kept = {one.configured.provider_id: one for one in kept}
        self._store = store
        self._worker = worker
        self._clock = runtime.clock
        self._metrics = runtime.metrics
        self._logger = runtime.logger
        self._known = False
        self._reads = 0
        self._reported: Mapping[UUID, Report] = {}
        self._busy: Counter[UUID] = Counter()
        self._shown: dict[UUID, BreakerState] = {}
        self._reported_at = -IDLE_INTERVAL
        for one in kept:  # a new worker does not use its share of a rate before the others can know about it
            one.breaker.pace.set_share(None if one.configured.rate is None else 0.0)

    async def once(self) -> bool:
        """Run one pass. Raises DatabaseUnavailable, after which the next pass repeats everything."""
        try:
            if not self._known:
                await self._store.register([one.configured for one in self._kept.values()])
                self._known = True
            await self._write()
            if self._due():
                await self._read()
        finally:
            self._show()
        return False

    async def leave(self) -> None:
        """Unregister this worker, so that the others do not wait for its probe or its share."""
        try:
            await self._store.leave(self._worker)
        except Transient as error:
            self._logger.warning("breakers.left_behind", error=type(error).__name__)

    async def _write(self) -> None:
        for provider_id, one in self._kept.items():
            change = one.breaker.change
            match change:
                case Open(reason, pauses, probed):
                    worker = self._worker if probed else None
                    done = await self._store.open(provider_id, reason=reason, pauses=pauses, worker=worker)
                    self._said(one, "breaker.opened", done=done, reason=reason)
                case Close():
                    self._said(one, "breaker.closed", done=await self._store.close(provider_id, self._worker))
                case None:
                    continue
            if one.breaker.change is change:
                one.breaker.change = None

    def _due(self) -> bool:
        lively = any(
            one.breaker.used
            or one.breaker.wanted
            or one.breaker.pace.waiting
            or one.breaker.state is not BreakerState.CLOSED
            for one in self._kept.values()
        )
        return lively or self._reads < _SETTLED or self._clock.monotonic() - self._reported_at >= IDLE_INTERVAL

    async def _read(self) -> None:
        reports = {provider_id: _report(provider_id, one.breaker) for provider_id, one in self._kept.items()}
        if self._is_news(reports):
            await self._store.report(self._worker, list(reports.values()))
            self._reported_at = self._clock.monotonic()
            self._reported = reports
        states = await self._store.states(self._worker, list(reports))
        self._reads += 1
        self._known = len(states) == len(reports)
        for state in states:
            one = self._kept[state.provider_id]
            one.breaker.apply(state)
            one.sender.apply(paused=state.paused, now=self._clock.monotonic())
            if one.configured.rate is not None:
                self._share(one, one.configured.rate, state, busy=reports[state.provider_id].busy)
            if state.probe_due and one.breaker.wanted:
                await self._probe(one, state)
            one.breaker.wanted = one.breaker.used = False

    def _share(self, one: Kept, rate: float, state: ProviderState, *, busy: bool) -> None:
        """Busy workers share the rate. One that is idle, or has just become busy, uses its share as if all were busy.

        When a provider fails, all workers switch to the next one at the same time. Until each knows about the others,
        they must not exceed its rate together.
        """
        self._busy[state.provider_id] = self._busy[state.provider_id] + 1 if busy else 0
        if self._reads >= _SETTLED:
            settled = self._busy[state.provider_id] > _SETTLED
            one.breaker.pace.set_share(rate / max(1, state.busy if settled else state.workers))

    def _is_news(self, reports: Mapping[UUID, Report]) -> bool:
        """Whether to report to the other workers: faults, a share of a rate, and a regular sign of life."""
        if self._reads < _SETTLED or self._clock.monotonic() - self._reported_at >= IDLE_INTERVAL:
            return True
        for provider_id, report in reports.items():
            shares = self._kept[provider_id].configured.rate is not None
            if report.faults or report.in_a_row or (shares and report.busy != self._reported[provider_id].busy):
                return True
        return False

    async def _probe(self, one: Kept, state: ProviderState) -> None:
        if await self._store.take_probe(state.provider_id, self._worker):
            one.breaker.take_probe()
            self._logger.info("breaker.probes", provider=one.configured.name, channel=one.configured.channel)

    def _said(self, one: Kept, event: str, *, done: bool, **more: str) -> None:
        """Log a change, unless another worker made the same change and has logged it."""
        if done:
            self._logger.warning(event, provider=one.configured.name, channel=one.configured.channel, **more)

    def _show(self) -> None:
        for provider_id, one in self._kept.items():
            state = one.breaker.state
            if self._shown.get(provider_id) is not state:
                self._shown[provider_id] = state
                self._metrics.breaker_state.labels(one.configured.name).set(_LEVELS[state])


def _report(provider_id: UUID, breaker: Breaker) -> Report:
    counts = breaker.counts
    busy = breaker.used or breaker.wanted or breaker.pace.waiting > 0
    return Report(provider_id, counts.answers, counts.faults, counts.in_a_row, busy)
