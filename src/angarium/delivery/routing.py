"""Which provider takes an attempt."""

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
from angarium.platform.clock import Clock

PAUSE = timedelta(seconds=10)
"""How long a notification waits whose providers are all left alone."""
_LOOK_AGAIN = 1.0
"""Seconds between two looks of a lane while every breaker is open."""
_MOST_SERVICES = 1000
"""Breakers of services behind a provider: recipients choose them, so there is no end to them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route:
    """One configured provider: what it is called, its breaker, and its weight among the others (None: by order).

    `sender`: what its sends came to, and whether its marketing is paused.
    """

    provider: Provider
    name: str
    breaker: Breaker
    weight: int | None = None
    sender: Sender = field(default_factory=Sender)


class Router:
    """Providers in their order of preference; after a retryable answer the next attempt takes the next one.

    Only those that take the address count. With weights the order differs from notification to notification, in
    proportion to them, and is the same at each of its attempts (weighted rendezvous hashing). A provider whose breaker
    is open is passed over.
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
        """The provider for attempt number `attempt` (from 1) of notification `key`.

        None: none takes `address`, or each that does has an open breaker or is in `without`.
        `only`: the name of the one that may have taken the message already, so that no other can send it a second
        time; None where that one is open. A name that is not configured, or does not take `address`, does not count.
        `through`: the name of the one that the notification is for; it always counts.
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
            slow = slow or route  # it has just come back: another one takes what it should not be met with yet
        return slow

    def breaker(self, route: Route, address: Address) -> Breaker:
        """The breaker of what `address` leads to: the provider, or one of several services behind it."""
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
        """Whether one of the providers takes `address`: the one named `through`, if a name is given."""
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
        """How many seconds to wait before the next look, as every breaker is open; 0: one provider can be used.

        The caller has messages to send, so this also requests a probe of breakers whose pause is over.
        """
        return 0.0 if any(route.breaker.admits() for route in self.routes) else _LOOK_AGAIN

    async def ready(self) -> bool:
        """Whether one of them could be used now."""
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
    """Sorts first what has the most weight for `key`; a provider without a weight counts as 1."""

    def score(route: Route) -> float:
        digest = blake2b(key.bytes + route.name.encode(), digest_size=8).digest()
        share = (int.from_bytes(digest) + 1) / (2**64 + 1)
        return -log(share) / (route.weight or 1)

    return score
