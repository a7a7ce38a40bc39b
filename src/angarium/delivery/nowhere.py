"""The result of a notification that no provider accepts now: a wait or a failure."""

from collections.abc import Collection
from datetime import timedelta

from angarium.delivery.results import Results
from angarium.delivery.routing import PAUSE, Route, Router
from angarium.delivery.work import Ready
from angarium.notifications.model import Claimed, Reason, Result
from angarium.notifications.providers.reputation import is_marketing
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger


class Nowhere:
    """Determines the providers that a notification must not use, and the result if none is left.

    `exempt`: categories that are sent even while a sender is paused. Test keys use `sandbox`, which is always
    available.
    """

    def __init__(
        self, *, sandbox: Router, results: Results, exempt: Collection[str], clock: Clock, logger: Logger
    ) -> None:
        self._sandbox = sandbox
        self._results = results
        self._exempt = frozenset(exempt)
        self._clock = clock
        self._logger = logger

    def through(self, router: Router, claimed: Claimed) -> str | None:
        """The name of the provider that it is for; None: any, as always in the sandbox."""
        through = claimed.options.through
        return None if through is None or router is self._sandbox else through.provider

    def passed_over(self, router: Router, claimed: Claimed) -> list[Route]:
        """The providers whose marketing is paused, if it is marketing."""
        paused = router.paused
        return [*paused] if paused and self._is_marketing(claimed) else []

    def result(self, router: Router, ready: Ready) -> Result:
        """The result without a provider: a wait that uses no attempt, or a failure if no suitable one is configured."""
        claimed, through = ready.claimed, self.through(router, ready.claimed)
        if any(router.serves(address, through=through) for address in ready.addresses):
            paused = self._all_paused(router, ready)
            if paused is None:
                return self._results.deferred(claimed, PAUSE)
            return self._results.held(claimed, paused.sender.hold(self._clock), paused.name)
        if through is not None:
            message = f"no provider named {through} that takes the address is configured here"
            return self._results.failed(claimed, Reason("no_provider", message))
        platforms = ", ".join(sorted({address.platform or "fcm" for address in ready.addresses}))
        self._logger.warning("provider.missing", channel=claimed.channel, platforms=platforms)
        return self._results.failed(claimed, Reason("no_provider", f"no provider for devices of {platforms}"))

    def wait(self, router: Router, ready: Ready) -> timedelta:
        """The wait after a provider refused our configuration: short if there is another provider."""
        if router is self._sandbox:
            return PAUSE
        claimed, passed = ready.claimed, self.passed_over(router, ready.claimed)
        another = any(
            router.choose(
                claimed.attempt,
                address,
                key=claimed.id,
                only=bound_to(claimed),
                through=self.through(router, claimed),
                without=passed,
            )
            is not None
            for address in ready.addresses
        )
        return timedelta(seconds=1) if another else PAUSE

    def _all_paused(self, router: Router, ready: Ready) -> Route | None:
        """One of its providers if all of them are paused for it."""
        claimed = ready.claimed
        if not router.paused or not self._is_marketing(claimed):
            return None
        only, through = bound_to(claimed), self.through(router, claimed)
        found = [router.all_paused(address, only=only, through=through) for address in ready.addresses]
        return found[0] if all(route is not None for route in found) else None

    def _is_marketing(self, claimed: Claimed) -> bool:
        return is_marketing(claimed.category, claimed.priority, self._exempt)


def bound_to(claimed: Claimed) -> str | None:
    """The provider that may already have sent it, so that no other does."""
    return claimed.provider if claimed.doubtful else None
