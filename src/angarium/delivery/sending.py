"""One attempt at a provider, for every address of a notification."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from angarium.delivery.leases import LeaseKeeper
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Retry, outcome_word, strongest
from angarium.delivery.provider import Address, Busy, NoPermit, Outbound, Permit, Provider
from angarium.delivery.results import Attempt, Results
from angarium.delivery.routing import PAUSE, Router
from angarium.delivery.unsubscribing import Unsubscribing
from angarium.delivery.waiting import WaitCut, Waiting
from angarium.delivery.work import Ready
from angarium.notifications.model import Claimed, Result
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Children, Metrics

Changed = Callable[[Ready], Awaitable[Result | None]]
"""What ends or postpones a send that waited; None: nothing does."""
_AT_ONCE = timedelta(0)


class Sending:
    """Chooses the provider, waits for its permit, sends, and says what it means for the record.

    The wait is no attempt. After it, just before the send, the lease and the recipient's wishes are checked again.
    What was made with a test key goes to `sandbox` alone, whatever is configured.
    """

    def __init__(
        self,
        *,
        router: Router,
        sandbox: Router,
        results: Results,
        changed: Changed,
        leases: LeaseKeeper,
        clock: Clock,
        metrics: Metrics,
        logger: Logger,
        unsubscribing: Unsubscribing | None = None,
    ) -> None:
        self._router = router
        self._sandbox = sandbox
        self._results = results
        self._changed = changed
        self._leases = leases
        self._clock = clock
        self._attempts = Children(metrics.attempts_total.labels)
        self._durations = Children(metrics.provider_duration_seconds.labels)
        self._logger = logger
        self._unsubscribing = unsubscribing
        self._waiting = Waiting()

    @contextmanager
    def waiting_is_over(self) -> Iterator[None]:
        """In this context whatever waits for a permit, or would have to, is put off at once."""
        with self._waiting.cut():
            yield

    async def send(self, ready: Ready) -> Result:
        """Try once. Never raises but CancelledError."""
        claimed = ready.claimed
        router = self._sandbox if claimed.test else self._router
        provider = router.choose(claimed.attempt, _only(claimed))
        if provider is None:
            return self._results.deferred(claimed, PAUSE)
        if len(ready.addresses) == 1:
            made = [await self._attempt(router, provider, ready, ready.addresses[0])]
        else:
            made = await asyncio.gather(*(self._attempt(router, provider, ready, to) for to in ready.addresses))
        attempts = [one for one in made if isinstance(one, Attempt)]
        if not attempts:
            return next(one for one in made if isinstance(one, Result))
        outcome = attempts[0].outcome if len(attempts) == 1 else strongest([one.outcome for one in attempts])
        if isinstance(outcome, Configuration):
            return self._misconfigured(router, provider, ready, attempts)
        return self._results.of_attempts(claimed, attempts, outcome, ready.delays)

    async def _attempt(self, router: Router, provider: Provider, ready: Ready, address: Address) -> Attempt | Result:
        """The attempt at one address; a result where it came to none."""
        try:
            permit = provider.acquire(self._outbound(ready, address))
            granted = await self._waiting.entered(permit)
        except (WaitCut, NoPermit):
            return self._results.deferred(ready.claimed, _AT_ONCE)
        except Exception as error:
            self._logger.exception("provider.raised", provider=provider.name)
            return Attempt(router.name(provider), Retry(_internal(error)), self._clock.now(), 0)
        try:
            return await self._unwanted(ready) or await self._tried(router.name(provider), granted)
        except Busy as busy:
            return self._results.deferred(ready.claimed, busy.wait)
        finally:
            await permit.__aexit__(None, None, None)

    async def _unwanted(self, ready: Ready) -> Result | None:
        """Why it must not be sent now; None: it may be."""
        changed = await self._changed(ready)
        if changed is not None:
            return changed
        if not self._leases.is_valid(ready.claimed.claim_token, ready.claimed.id):
            self._logger.warning("lease.over", notification_id=ready.claimed.id)
            return self._results.deferred(ready.claimed, _AT_ONCE)
        return None

    async def _tried(self, name: str, permit: Permit) -> Attempt:
        at, start = self._clock.now(), self._clock.monotonic()
        outcome = await self._guarded(name, permit)
        seconds = self._clock.monotonic() - start
        self._attempts[name, outcome_word(outcome)].inc()
        self._durations[(name,)].observe(seconds)
        return Attempt(name, outcome, at, round(seconds * 1000))

    async def _guarded(self, name: str, permit: Permit) -> Outcome:
        """A provider that breaks its promise not to raise leaves us in doubt."""
        try:
            return await permit.send()
        except Busy:
            raise
        except Exception as error:
            self._logger.exception("provider.raised", provider=name)
            return Ambiguous(_internal(error))

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
            template_code=claimed.template_code,
            variables=claimed.variables,
            metadata=claimed.metadata,
        )

    def _misconfigured(self, router: Router, provider: Provider, ready: Ready, attempts: Sequence[Attempt]) -> Result:
        if router is self._sandbox:  # it only acts as if; another test must not wait for that
            return self._results.paused(ready.claimed, attempts, PAUSE)
        router.pause(provider)
        name = router.name(provider)
        self._logger.error("provider.misconfigured", provider=name, answer=attempts[-1].outcome.answer)
        another = router.choose(ready.claimed.attempt, _only(ready.claimed)) is not None
        return self._results.paused(ready.claimed, attempts, timedelta(seconds=1) if another else PAUSE)


def _only(claimed: Claimed) -> str | None:
    """The provider that may have sent it already: no other one may."""
    return claimed.provider if claimed.doubtful else None


def _internal(error: Exception) -> str:
    return f"internal error: {type(error).__name__}"
