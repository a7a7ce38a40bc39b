"""One attempt for every address of a notification."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import timedelta
from typing import Protocol

from msgspec.structs import replace

from angarium.contracts.providers import BreakerState
from angarium.contracts.statuses import Channel, Status
from angarium.delivery.attaching import Attaching
from angarium.delivery.devices import DeadDevices
from angarium.delivery.leases import LeaseKeeper
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Retry, outcome_word, strength
from angarium.delivery.permits import Bounded, Paced, WaitCut, Waiting, has_expired, longest_wait
from angarium.delivery.provider import Address, Busy, NoPermit, Outbound, Permit
from angarium.delivery.results import Attempt, Results, noted
from angarium.delivery.routing import Nowhere, Route, Router, bound_to
from angarium.delivery.suppressing import Suppressing
from angarium.delivery.unsubscribing import Unsubscribing
from angarium.delivery.work import Ready
from angarium.notifications.model import Claimed, Reason, Result
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Children, Metrics
from angarium.rendering.content import SmsContent
from angarium.rendering.sms import measure_sms

Changed = Callable[[Ready], Awaitable[Result | None]]
"""Returns a result that ends or defers a send after a wait; None: it can be sent."""
_AT_ONCE = timedelta(0)


class Gate(Protocol):
    """A channel's check just before each attempt."""

    async def refusal(self, claimed: Claimed, address: Address) -> Reason | None:
        """Why nothing may be sent to `address`; None: it may be sent, and the attempt is counted."""
        ...


class Sending:
    """Chooses a provider for each address, waits for its permit, sends, and returns the result for the record.

    The wait is not an attempt. After it, just before the send, the lease and the recipient's preferences are checked
    again. Notifications of test keys go to `sandbox` only, whatever is configured. A notification that names its
    provider is sent through that one or not at all. `exempt`: categories that are sent even while a sender is paused.
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
        devices: DeadDevices | None = None,
        failover_after: timedelta | None = None,
        suppressing: Suppressing | None = None,
        gate: Gate | None = None,
        attaching: Attaching | None = None,
        exempt: Collection[str] = (),
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
        self._devices = devices
        self._failover_after = failover_after
        self._suppressing = suppressing
        self._gate = gate
        self._attaching = attaching
        self._nowhere = Nowhere(sandbox=sandbox, results=results, exempt=exempt, clock=clock, logger=logger)
        self._waiting = Waiting()

    @contextmanager
    def waiting_is_over(self) -> Iterator[None]:
        """In this context sends that wait for a permit, or would have to, are deferred at once."""
        with self._waiting.cut():
            yield

    def paused_for(self) -> float:
        """Seconds during which nothing can be sent because every provider is paused; 0 if one can be used."""
        return self._router.paused_for()

    async def send(self, ready: Ready) -> Result:
        """Make one attempt. Raises only CancelledError."""
        if self._attaching is None or not ready.claimed.options.attachments:
            return noted(ready.notes, await self._send(ready))
        async with self._attaching.attached(ready) as whole:
            return whole if isinstance(whole, Result) else noted(whole.notes, await self._send(whole))

    async def _send(self, ready: Ready) -> Result:
        claimed = ready.claimed
        router = self._sandbox if claimed.test else self._router
        if len(ready.addresses) == 1:
            made = [await self._routed(router, ready, ready.addresses[0])]
        else:
            made = await asyncio.gather(*(self._routed(router, ready, address) for address in ready.addresses))
        attempts = [one for one in made if isinstance(one, Attempt)]
        if isinstance(ready.content, SmsContent):
            attempts = _sized(attempts, ready.content)
        if not attempts:
            return next((one for one in made if isinstance(one, Result)), None) or self._nowhere.result(router, ready)
        decisive = attempts[0] if len(attempts) == 1 else max(attempts, key=lambda one: strength(one.outcome))
        if isinstance(decisive.outcome, Configuration):
            return self._results.paused(claimed, attempts, self._nowhere.wait(router, ready))
        return self._results.of_attempts(claimed, attempts, decisive, ready.delays)

    async def _routed(self, router: Router, ready: Ready, address: Address) -> Attempt | Result | None:
        """Attempt one address, at the first provider that can accept it now.

        Returns a result if no attempt was made; None if no provider can accept it.
        """
        claimed = ready.claimed
        only, through = bound_to(claimed), self._nowhere.through(router, claimed)
        passed = self._nowhere.passed_over(router, claimed)
        while True:
            route = router.choose(claimed.attempt, address, key=claimed.id, only=only, through=through, without=passed)
            if route is None:
                return None
            breaker = router.breaker(route, address)
            probe = breaker.begin()
            made = await self._attempt(router, route, ready, address, probe=probe)
            if isinstance(made, Attempt):
                self._learn(router, route, ready, address, made, probe=probe)
                if self._suppressing is not None and router is not self._sandbox:
                    await self._suppressing.answered(made.provider, claimed, address, made.outcome)
                return made
            if probe:
                breaker.withdrawn()
            if made is not None:
                return made
            passed.append(route)

    async def _attempt(
        self, router: Router, route: Route, ready: Ready, address: Address, *, probe: bool
    ) -> Attempt | Result | None:
        """Attempt one provider. Returns a result if no attempt was made; None to try another provider."""
        try:
            permit = self._permit(router, route, ready, address)
            granted = await self._waiting.entered(permit)
        except TimeoutError:
            over = has_expired(ready.claimed, self._clock.now())
            return self._results.expired(ready.claimed) if over else None
        except (WaitCut, NoPermit):
            return self._results.deferred(ready.claimed, _AT_ONCE)
        except Exception as error:
            self._logger.exception("provider.raised", provider=route.name)
            return Attempt(route.name, Retry(_internal(error)), self._clock.now(), 0)
        try:
            if not probe and router.breaker(route, address).state is not BreakerState.CLOSED:
                return None  # it opened while this one waited
            refused = await self._unwanted(ready)
            if refused is None and self._gate is not None and router is not self._sandbox:
                refused = await self._gated(self._gate, ready.claimed, address)
            return refused or await self._tried(route.name, granted)
        except Busy as busy:
            return self._results.deferred(ready.claimed, busy.wait)
        finally:
            await permit.__aexit__(None, None, None)

    def _permit(
        self, router: Router, route: Route, ready: Ready, address: Address
    ) -> AbstractAsyncContextManager[Permit]:
        """The provider's permit, behind its pace; the wait may be bounded."""
        permit = route.provider.acquire(self._outbound(ready, address))
        pace = router.breaker(route, address).pace
        if pace.limited:
            permit = Paced(permit, pace)
        failover_after = self._failover_after if len(router.routes) > 1 else None
        limit = longest_wait(ready.claimed, self._clock.now(), failover_after)
        return permit if limit is None else Bounded(permit, limit)

    async def _unwanted(self, ready: Ready) -> Result | None:
        """A result if it must not be sent now; None if it may be sent."""
        changed = await self._changed(ready)
        if changed is not None:
            return changed
        if not self._leases.is_valid(ready.claimed.claim_token, ready.claimed.id):
            self._logger.warning("lease.over", notification_id=ready.claimed.id)
            return self._results.deferred(ready.claimed, _AT_ONCE)
        return None

    async def _gated(self, gate: Gate, claimed: Claimed, address: Address) -> Result | None:
        reason = await gate.refusal(claimed, address)
        return None if reason is None else self._results.ended(claimed, Status.SKIPPED, reason)

    async def _tried(self, name: str, permit: Permit) -> Attempt:
        at, start = self._clock.now(), self._clock.monotonic()
        outcome = await self._guarded(name, permit)
        seconds = self._clock.monotonic() - start
        self._attempts[name, outcome_word(outcome)].inc()
        self._durations[(name,)].observe(seconds)
        return Attempt(name, outcome, at, round(seconds * 1000))

    async def _guarded(self, name: str, permit: Permit) -> Outcome:
        """If a provider raises in spite of its contract, the outcome is ambiguous."""
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
            headers=self._headers(claimed),
            template_code=claimed.template_code,
            variables=claimed.variables,
            metadata=claimed.metadata,
            expires_at=claimed.expires_at,
            options=claimed.options,
            files=ready.files,
        )

    def _headers(self, claimed: Claimed) -> Mapping[str, str]:
        """Additional header fields of a mail: the caller's, and ours."""
        ours = self._unsubscribing.headers(claimed) if self._unsubscribing is not None else {}
        email = claimed.options.email if claimed.channel is Channel.EMAIL else None
        return ours if email is None or not email.headers else {**email.headers, **ours}

    def _learn(
        self, router: Router, route: Route, ready: Ready, address: Address, attempt: Attempt, *, probe: bool
    ) -> None:
        """Process what an answer says about the provider, our account, or a device."""
        if router is self._sandbox:  # the sandbox only simulates outcomes; other tests must not wait for it
            return
        router.breaker(route, address).answered(attempt.outcome, probe=probe)
        route.sender.answered(attempt.outcome)
        if isinstance(attempt.outcome, Configuration):
            self._logger.error("provider.misconfigured", provider=attempt.provider, answer=attempt.outcome.answer)
        if self._devices is not None:
            self._devices.answered(attempt.provider, ready.claimed, address, attempt.outcome)


def _sized(attempts: Sequence[Attempt], content: SmsContent) -> list[Attempt]:
    size = measure_sms(content.text)
    return [replace(one, size={"segments": size.segments, "encoding": size.encoding}) for one in attempts]


def _internal(error: Exception) -> str:
    return f"internal error: {type(error).__name__}"
