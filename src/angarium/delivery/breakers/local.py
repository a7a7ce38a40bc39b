"""A breaker that is not shared between workers: for a service behind a provider, or without shared state."""

from angarium.contracts.providers import BreakerState
from angarium.delivery.breakers.breaker import Breaker, Close, Open
from angarium.delivery.outcome import Outcome
from angarium.platform.clock import Clock


class LocalBreaker(Breaker):
    """Tracks its own pauses, and sends a probe after each."""

    def __init__(self, clock: Clock, *, automatic: bool = True) -> None:
        super().__init__(clock, automatic=automatic)
        self._clock = clock
        self._until = 0.0
        self._trips = 0

    def admits(self) -> bool:
        if self.state is BreakerState.OPEN and self._clock.monotonic() >= self._until:
            self.take_probe()
        return super().admits()

    def answered(self, outcome: Outcome, *, probe: bool) -> None:
        super().answered(outcome, probe=probe)
        change, self.change = self.change, None
        match change:
            case Open(pauses=pauses):
                pause = pauses[min(self._trips, len(pauses) - 1)]
                self._until = self._clock.monotonic() + pause.total_seconds()
                self._trips += 1
            case Close():
                self._trips = 0
            case None:
                return
