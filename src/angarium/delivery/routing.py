"""Chooses the provider of an attempt, or the result of a notification that no provider accepts now."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from math import log
from uuid import UUID

from angarium.delivery.breakers.breaker import Breaker
from angarium.delivery.breakers.local import LocalBreaker
from angarium.delivery.provider import Address, Provider, Selective, service
from angarium.delivery.reputation import Sender
from angarium.delivery.results import Results
from angarium.delivery.work import Ready
from angarium.notifications.model import Claimed, Reason, Result
from angarium.notifications.providers.reputation import is_marketing
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

PAUSE = timedelta(seconds=10)
"""How long a notification waits if all its providers are paused."""
_LOOK_AGAIN = 1.0
"""Seconds between a lane's checks while every breaker is open."""
_MOST_SERVICES = 1000
"""Upper bound of breakers for services behind a provider, whose number is unlimited because recipients choose them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route:
    """One configured provider: its name, its breaker, and its weight among the others (None: by order).

    `sender`: what its sends came to, and whether its marketing is paused.
    """

    provider: Provider
    name: str
    breaker: Breaker
    weight: int | None = None
    sender: Sender = field(default_factory=Sender)


class Router:
    """Providers in order of preference; after a retryable answer the next attempt uses the next one.

    Providers that do not support the address are ignored. With weights the order is specific to the notification, in
    proportion to the weights and stable across its attempts (weighted rendezvous hashing). A provider with an open
    breaker is skipped.
    """

    def __init__(self, routes: Sequence[Route], clock: Clock) -> None:
        self.routes = tuple(routes)
        selective = [route.provider if isinstance(route.provider, Selective) else None for route in routes]
        self._selective = tuple(selective)
        self._all = self.routes if not any(selective) else None
        self._weighted = any(route.weight is not None for route in routes)
        self._clock = clock
        self._services: dict[tuple[str, str], LocalBreaker] = {}

    def choose(
        self,
        attempt: int,
        address: Address,
        *,
        key: UUID,
        only: str | None = None,
        through: str | None = None,
        without: Collection[Route] = (),
    ) -> Route | None:
        """Choose the provider for attempt number `attempt` (from 1) of notification `key`.

        None: no provider supports `address`, or each that does has an open breaker or is in `without`.
        `only`: the name of the provider that may already have sent the message, so that no other sends it again;
        returns None if its breaker is open. A name that is not configured, or does not support `address`, is ignored.
        `through`: the name of the provider that the notification is for; it is never ignored.
        """
        fitting = self._eligible(address, only, through)
        if self._weighted and len(fitting) > 1:
            fitting = tuple(sorted(fitting, key=_score_for(key)))
        count = len(fitting)
        slow: Route | None = None
        for step in range(attempt - 1, attempt - 1 + count):
            route = fitting[step % count]
            breaker = self.breaker(route, address)
            if route in without or not breaker.admits():
                continue
            if not breaker.pace.ramping:
                return route
            slow = slow or route  # it has just recovered: another provider takes what exceeds its ramp
        return slow

    def breaker(self, route: Route, address: Address) -> Breaker:
        """The breaker for `address`: that of the provider, or of one of the services behind it."""
        name = service(route.provider, address) if self._all is None else ""
        if not name:
            return route.breaker
        found = self._services.get((route.name, name))
        if found is None:
            if len(self._services) >= _MOST_SERVICES:
                del self._services[next(iter(self._services))]
            found = self._services[route.name, name] = LocalBreaker(self._clock)
        return found

    def serves(self, address: Address, *, through: str | None = None) -> bool:
        """Whether one of the providers, or the one named `through`, supports `address`."""
        if through is not None:
            return any(route.name == through for route in self._fitting(address))
        return self._all is not None or bool(self._fitting(address))

    @property
    def paused(self) -> Sequence[Route]:
        """The providers whose marketing is paused."""
        return [route for route in self.routes if route.sender.paused]

    def all_paused(self, address: Address, *, only: str | None, through: str | None) -> Route | None:
        """One of the providers for `address` if each of them is paused for marketing; None: one is not, or none is."""
        eligible = self._eligible(address, only, through)
        return eligible[0] if eligible and all(route.sender.paused for route in eligible) else None

    def paused_for(self) -> float:
        """Seconds to wait before the next check if every breaker is open; 0 if a provider can be used.

        The caller has messages to send, so this also requests a probe of breakers whose pause is over.
        """
        return 0.0 if any(route.breaker.admits() for route in self.routes) else _LOOK_AGAIN

    async def ready(self) -> bool:
        """Whether one of them can be used now."""
        return any([await route.provider.ready() for route in self.routes])

    async def close(self) -> None:
        """Close every provider."""
        for route in self.routes:
            await route.provider.close()

    def _eligible(self, address: Address, only: str | None, through: str | None) -> tuple[Route, ...]:
        """The providers that may take the message, whatever state they are in."""
        fitting = self._all if self._all is not None else self._fitting(address)
        if through is not None:
            return tuple(route for route in fitting if route.name == through)
        if only is not None:
            return tuple(route for route in fitting if route.name == only) or fitting
        return fitting

    def _fitting(self, address: Address) -> tuple[Route, ...]:
        return tuple(
            route
            for route, selective in zip(self.routes, self._selective, strict=True)
            if selective is None or selective.takes(address)
        )


def _score_for(key: UUID) -> Callable[[Route], float]:
    """A sort key that puts the highest score for `key` first; a provider without a weight counts as 1."""

    def score(route: Route) -> float:
        digest = blake2b(key.bytes + route.name.encode(), digest_size=8).digest()
        share = (int.from_bytes(digest) + 1) / (2**64 + 1)
        return -log(share) / (route.weight or 1)

    return score


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
