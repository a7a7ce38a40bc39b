"""One attempt at a provider, for every address of a notification."""

import asyncio
from datetime import timedelta

from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, outcome_word, strongest
from angarium.delivery.provider import Address, Outbound, Provider
from angarium.delivery.results import Attempt, Results
from angarium.delivery.routing import PAUSE, Router
from angarium.delivery.unsubscribing import Unsubscribing
from angarium.delivery.work import Ready
from angarium.notifications.model import Result
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Children, Metrics


class Sending:
    """Chooses the provider, sends, and says what it means for the record.

    What was made with a test key goes to `sandbox` alone, whatever is configured.
    """

    def __init__(
        self,
        *,
        router: Router,
        sandbox: Router,
        results: Results,
        clock: Clock,
        metrics: Metrics,
        logger: Logger,
        unsubscribing: Unsubscribing | None = None,
    ) -> None:
        self._router = router
        self._sandbox = sandbox
        self._results = results
        self._clock = clock
        self._attempts = Children(metrics.attempts_total.labels)
        self._durations = Children(metrics.provider_duration_seconds.labels)
        self._logger = logger
        self._unsubscribing = unsubscribing

    async def send(self, ready: Ready) -> Result:
        """Try once. Never raises but CancelledError."""
        router = self._sandbox if ready.claimed.test else self._router
        provider = router.choose(ready.claimed.attempt)
        if provider is None:
            return self._results.deferred(ready.claimed, PAUSE)
        if len(ready.addresses) == 1:
            attempts = [await self._attempt(provider, ready, ready.addresses[0])]
            outcome = attempts[0].outcome
        else:
            attempts = await asyncio.gather(*(self._attempt(provider, ready, to) for to in ready.addresses))
            outcome = strongest([attempt.outcome for attempt in attempts])
        if isinstance(outcome, Configuration):
            return self._misconfigured(router, provider, ready, attempts)
        return self._results.of_attempts(ready.claimed, attempts, outcome, ready.delays)

    async def _attempt(self, provider: Provider, ready: Ready, address: Address) -> Attempt:
        at, start = self._clock.now(), self._clock.monotonic()
        outcome = await self._guarded(provider, self._outbound(ready, address))
        seconds = self._clock.monotonic() - start
        self._attempts[provider.name, outcome_word(outcome)].inc()
        self._durations[(provider.name,)].observe(seconds)
        return Attempt(provider.name, outcome, at, round(seconds * 1000))

    async def _guarded(self, provider: Provider, outbound: Outbound) -> Outcome:
        """A provider that breaks its promise not to raise leaves us in doubt."""
        try:
            return await provider.send(outbound)
        except Exception as error:
            self._logger.exception("provider.raised", provider=provider.name)
            return Ambiguous(f"internal error: {type(error).__name__}")

    def _outbound(self, ready: Ready, address: Address) -> Outbound:
        claimed = ready.claimed
        return Outbound(
            notification_id=claimed.id,
            tenant=claimed.tenant,
            channel=claimed.channel,
            attempt=claimed.attempt,
            message_key=str(claimed.id),
            address=address,
            content=ready.content,
            correlation_id=claimed.correlation_id,
            headers=self._unsubscribing.headers(claimed) if self._unsubscribing is not None else {},
        )

    def _misconfigured(self, router: Router, provider: Provider, ready: Ready, attempts: list[Attempt]) -> Result:
        if router is self._sandbox:  # it only acts as if; another test must not wait for that
            return self._results.paused(ready.claimed, attempts, PAUSE)
        router.pause(provider)
        self._logger.error("provider.misconfigured", provider=provider.name, answer=attempts[-1].outcome.answer)
        another = router.choose(ready.claimed.attempt) is not None
        return self._results.paused(ready.claimed, attempts, timedelta(seconds=1) if another else PAUSE)
